#!/usr/bin/env python3
"""Trains the small model that the mixed replay starts from, out of published packages; see README.md.

    python3 bench/replay/base.py --out DIR [--minutes N] [--prentice PROGRAM] [--first N]

The packages of sources.txt (crates, Python wheels, npm packages; none of a repository that is examined) are fetched by
`cargo`, `pip` and `npm` from the registries that these are set up for. Of each package, files are taken in an order by
their hash up to a limit of bytes. Then four commands of Prentice make the model: `corpus build`, `tokens train`,
`tokens encode`, `model train`. --first N takes the first N packages of each kind, to see that it works.
"""

import argparse
import collections
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CODE = (".rs", ".py", ".ts", ".tsx")
# Bytes of code that are taken of a package at most.
MOST = {"crate": 300_000, "wheel": 700_000, "npm": 900_000}
EVIDENCE = re.compile(r"(?i)(licen[sc]e|copying|notice|unlicense)|^(Cargo\.toml|package\.json|METADATA)$")


def sources(first):
    """Name and version of the packages, by kind."""
    kinds = collections.defaultdict(list)
    for line in (HERE / "sources.txt").read_text().splitlines():
        kind, name, version = line.split()
        if first is None or len(kinds[kind]) < first:
            kinds[kind].append((name, version))
    return kinds


def fetch_crates(packages, work):
    """The directories of crates; those that no manifest can name together are fetched apart."""
    environment = dict(os.environ, CARGO_HOME=str(work / "cargo"))
    configuration = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo")) / "config.toml"
    (work / "cargo").mkdir(parents=True, exist_ok=True)
    if configuration.is_file():
        shutil.copy(configuration, work / "cargo")
    manifest = work / "manifest"
    (manifest / "src").mkdir(parents=True, exist_ok=True)
    (manifest / "src/main.rs").write_text("fn main() {}\n")

    def fetch(group):
        wanted = "".join(f'{name} = "={version}"\n' for name, version in group)
        head = '[package]\nname = "manifest"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\n'
        (manifest / "Cargo.toml").write_text(head + wanted)
        (manifest / "Cargo.lock").unlink(missing_ok=True)
        done = subprocess.run(["cargo", "fetch", "--quiet"], cwd=manifest, env=environment, capture_output=True, text=True)
        if done.returncode == 0:
            return
        if len(group) == 1:
            print(f"left out: {group[0][0]} {group[0][1]}: {done.stderr.strip().splitlines()[0]}", file=sys.stderr)
            return
        half = len(group) // 2
        fetch(group[:half])
        fetch(group[half:])

    for first in range(0, len(packages), 16):
        fetch(packages[first : first + 16])
    for name, version in packages:
        for directory in (work / "cargo/registry/src").glob(f"*/{name}-{version}"):
            yield f"{name}-{version}", {str(path.relative_to(directory)): path.read_bytes for path in files_below(directory)}


def files_below(directory):
    return (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def fetch_wheels(packages, work):
    for name, version in packages:
        into = work / "wheels" / f"{name}-{version}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", into]
        if not into.is_dir() and subprocess.run([*command, f"{name}=={version}"]).returncode != 0:
            print(f"left out: {name} {version}", file=sys.stderr)
            continue
        for wheel in into.glob("*.whl"):
            archive = zipfile.ZipFile(wheel)
            inside = re.compile(r"^[^/]*dist-info/(licenses/)?")
            yield name, {inside.sub("", item): (lambda item=item: archive.read(item)) for item in archive.namelist()}


def fetch_npm(packages, work):
    for name, version in packages:
        into = work / "npm" / f"{name.replace('/', '+')}-{version}"
        into.mkdir(parents=True, exist_ok=True)
        if not any(into.iterdir()) and subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=into, stdout=subprocess.DEVNULL).returncode != 0:
            print(f"left out: {name} {version}", file=sys.stderr)
            continue
        for packed in into.glob("*.tgz"):
            archive = tarfile.open(packed)
            members = {item.name.split("/", 1)[-1]: item for item in archive if item.isfile()}
            yield name.replace("/", "+"), {
                path: (lambda item=item: archive.extractfile(item).read()) for path, item in members.items()
            }


def lay_out(kind, package, files, tree):
    """Writes what is taken of a package: evidence of its licence, and code up to the limit."""
    order = lambda path: hashlib.sha256(f"{package}{path}".encode()).hexdigest()
    taken = 0
    for path in sorted(files, key=order):
        evidence = "/" not in path and EVIDENCE.search(path)
        code = path.endswith(CODE) and not path.endswith(".d.ts")
        if not evidence and not code:
            continue
        data = files[path]()
        if code:
            if not 200 < len(data) <= 400_000 or taken + len(data) > MOST[kind]:
                continue
            taken += len(data)
        place = tree / kind / package / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="directory for packages, shards and the model")
    parser.add_argument("--minutes", type=float, default=70)
    parser.add_argument("--prentice", type=pathlib.Path, default=TARGET / "release" / "prentice")
    parser.add_argument("--first", type=int, help="packages of each kind")
    options = parser.parse_args()
    if not options.prentice.is_file():
        sys.exit(f"error: there is no {options.prentice}\nhint: `cargo build --release`, or --prentice PROGRAM")
    out = options.out.resolve()
    tree = out / "tree"
    if not tree.is_dir():
        fetchers = {"crate": fetch_crates, "wheel": fetch_wheels, "npm": fetch_npm}
        for kind, packages in sources(options.first).items():
            print(f"{kind}: {len(packages)} packages", file=sys.stderr)
            for package, files in fetchers[kind](packages, out):
                lay_out(kind, package, files, out / "tree.new")
        (out / "tree.new").rename(tree)
    shards = ["--context", "512", "--fim-rate", "0.5", "--spm-rate", "1", "--out", out / "tokens"]
    shape = ["--layers", "4", "--batch-rows", "16", "--warmup", "200", "--minutes", str(options.minutes)]
    for command in [
        ["corpus", "build", tree, "--policy", "permissive", "--held-out", "0.005", "--out", out / "corpus"],
        ["tokens", "train", "--corpus", out / "corpus", "--size", "8192", "--words", "code", "--out", out / "vocabulary"],
        ["tokens", "encode", "--corpus", out / "corpus", "--vocabulary", out / "vocabulary", *shards],
        ["model", "train", "--shards", out / "tokens", "--out", out / "run", *shape],
    ]:
        if subprocess.run([options.prentice, *command]).returncode != 0:
            sys.exit(1)
    print(f"{out / 'run/model'}, shards in {out / 'tokens'}")


if __name__ == "__main__":
    main()
