#!/usr/bin/env python3
"""How long an editor waits: `prentice lsp` over a repository, from the first message to the last.

    python3 bench/completion.py --repo DIR [--requests N] [--seed N] [--prentice PROGRAM]

The program is started as an editor starts it, over pipes. Measured are:

- **opening**: from `initialize` to the first completion that knows the repository, with no index on the disk and with one;
- **completion**: lines of the repository's own files are typed again, a character at a time, with a request for inline
  completion after each; time from sending the change to the answer, percentiles;
- **saving**: from `didSave` of a file with a new function to the moment when `workspace/symbol` finds it;
- **search**: `prentice search` is measured inside by `cargo run --example measure -p prentice-index`;
- **a storm** of random edits, requests and cancellations: every request is answered, and documents stay what they are;
- **memory** of the server (resident), and the index's size beside the source's.

Only the standard library is used. *Not* covered: an editor's own time.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import queue

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXTENSIONS = {".rs": "rust", ".py": "python", ".ts": "typescript", ".tsx": "typescriptreact", ".js": "javascript", ".go": "go"}


class Server:
    """A language server, spoken to over pipes."""

    def __init__(self, program, root, arguments=()):
        self.process = subprocess.Popen([program, "lsp", *arguments], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        self.answers = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.number = 0
        self.request("initialize", {"processId": os.getpid(), "rootUri": root.as_uri(), "capabilities": {"general": {"positionEncodings": ["utf-8"]}}})
        self.notify("initialized", {})

    def read(self):
        stream = self.process.stdout
        while True:
            length = None
            while True:
                line = stream.readline()
                if not line:
                    return
                if line == b"\r\n":
                    break
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            message = json.loads(stream.read(length))
            if "id" in message and "method" not in message:
                self.answers.put(message)

    def send(self, message):
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self.process.stdin.flush()

    def notify(self, method, params):
        self.send({"method": method, "params": params})

    def request(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while True:
            answer = self.answers.get(timeout=120)
            if answer["id"] == self.number:
                return answer.get("result")

    def resident(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024

    def close(self):
        self.request("shutdown", None)
        self.notify("exit", None)
        self.process.wait(timeout=60)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def opening(program, root, known, arguments=()):
    """Seconds from the start until a symbol of the repository is found."""
    started = time.perf_counter()
    server = Server(program, root, arguments)
    while not server.request("workspace/symbol", {"query": known}):
        time.sleep(0.02)
    return time.perf_counter() - started, server


def storm(server, files, minutes, chance):
    """Random edits, requests and cancellations: every request is answered, and nothing of an older text is."""
    open_files = {path.as_uri(): path.read_text(errors="replace").split("\n") for path in files[:8]}
    versions = {}
    for uri, lines in open_files.items():
        versions[uri] = 1
        server.notify("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "x", "version": 1, "text": "\n".join(lines)}})
    before, asked, answered, wrong = server.resident(), set(), 0, 0
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end or asked:
        if time.monotonic() < end:
            uri = chance.choice(list(open_files))
            lines = open_files[uri]
            number = chance.randrange(len(lines))
            column = chance.randrange(len(lines[number].encode()) + 1) if lines[number].isascii() else 0
            kind = chance.random()
            text = chance.choice(["self.", "let x = ", "return ", ")", "\n", "fn f() {\n", "é🦀", " "])
            if kind < 0.3:
                text = ""
                stop = min(len(lines[number]), column + 5) if lines[number].isascii() else column
            else:
                stop = column
            head, tail = lines[number][:column], lines[number][stop:]
            lines[number : number + 1] = (head + text + tail).split("\n")
            if len(lines) > 4000:
                lines[4000:] = []
                versions[uri] += 1
                server.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": versions[uri]}, "contentChanges": [{"text": "\n".join(lines)}]})
            else:
                versions[uri] += 1
                change = {"range": {"start": {"line": number, "character": column}, "end": {"line": number, "character": stop}}, "text": text}
                server.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": versions[uri]}, "contentChanges": [change]})
            if kind > 0.4:
                server.number += 1
                asked.add(server.number)
                method, extra = ("textDocument/inlineCompletion", {"context": {"triggerKind": 2}}) if kind < 0.9 else ("textDocument/definition", {})
                server.send({"id": server.number, "method": method, "params": {"textDocument": {"uri": uri}, "position": {"line": number, "character": column}, **extra}})
                if kind > 0.85:
                    server.notify("$/cancelRequest", {"id": server.number})
        while True:
            try:
                answer = server.answers.get(timeout=30 if time.monotonic() >= end else 0.002)
            except queue.Empty:
                break
            asked.discard(answer["id"])
            answered += 1
            if not asked and time.monotonic() >= end:
                break
        if time.monotonic() >= end + 60:
            break
    # What the server holds is what we hold: a definition at the end is found where it is, if what the storm left before it
    # can still be parsed. (`tests/storm.rs` of prentice-assist compares whole texts.)
    checked = 0
    for uri, lines in open_files.items():
        marker = f"zz_storm_{abs(hash(uri))}"
        last = {"line": len(lines) - 1, "character": len(lines[-1].encode())}
        versions[uri] += 1
        server.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": versions[uri]}, "contentChanges": [{"range": {"start": last, "end": last}, "text": f"\n\nstruct {marker} {{}}\n"}]})
        found = server.request("textDocument/documentSymbol", {"textDocument": {"uri": uri}}) or []
        expected = len(lines) + 1
        named = [one for one in found if one["name"] == marker]
        checked += bool(named)
        wrong += bool(named) and named[0]["location"]["range"]["start"]["line"] != expected
    return {"storm_minutes": minutes, "storm_answers": answered, "storm_unanswered": len(asked), "storm_checked": checked, "storm_wrong": wrong, "storm_growth_mib": server.resident() - before}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repo", type=pathlib.Path, default=ROOT, help="a working tree; it is copied")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--storm", type=float, default=0.5, metavar="MINUTES", help="of random edits at the end")
    parser.add_argument("--model", type=pathlib.Path, help="a model of `prentice adapt` to ask, too")
    parser.add_argument("--prentice", default=str(pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "prentice"))
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory) / "repository"
        shutil.copytree(options.repo, root, symlinks=True, ignore=shutil.ignore_patterns("target", ".prentice", "node_modules"))
        files = [path for path in sorted(root.rglob("*")) if path.suffix in EXTENSIONS and path.is_file() and ".git" not in path.parts]
        files = [path for path in files if 2_000 < path.stat().st_size < 200_000]
        source = sum(path.stat().st_size for path in files)
        marker = root / f"zz_marker{files[0].suffix}"
        marker.write_text({".rs": "pub fn zz_first_marker() {}\n", ".py": "def zz_first_marker():\n    pass\n", ".go": "package zz\n\nfunc zz_first_marker() {}\n"}.get(marker.suffix, "export function zz_first_marker() {}\n"))
        first, server = opening(options.prentice, root, "zz_first_marker")
        server.close()
        model = ["--model", options.model.resolve()] if options.model else []
        second, server = opening(options.prentice, root, "zz_first_marker", model)
        index = sum(path.stat().st_size for path in (root / ".prentice" / "index").iterdir())
        # The copying model is read beside the symbols: typing begins when it is there.
        time.sleep(2 * first + 1)
        # Keys that go on with what was offered first are answered from what was computed then; the others stand apart.
        latencies, anew, shown = [], [], 0
        while len(latencies) < options.requests:
            path = chance.choice(files)
            text = path.read_text(errors="replace")
            lines = text.split("\n")
            number = chance.randrange(len(lines))
            line = lines[number]
            if not 8 <= len(line.strip()) <= 120 or not line.isascii():
                continue
            uri = path.as_uri()
            indentation = len(line) - len(line.lstrip())
            before = "\n".join([*lines[:number], line[:indentation], *lines[number + 1 :]])
            server.notify("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": EXTENSIONS[path.suffix], "version": 1, "text": before}})
            version, offered = 1, ""
            for column in range(indentation, len(line)):
                position = {"line": number, "character": column}
                after = {"line": number, "character": column + 1}
                version += 1
                started = time.perf_counter()
                server.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"range": {"start": position, "end": position}, "text": line[column]}]})
                answer = server.request("textDocument/inlineCompletion", {"textDocument": {"uri": uri}, "position": after, "context": {"triggerKind": 2}})
                latencies.append(1e3 * (time.perf_counter() - started))
                items = answer["items"] if isinstance(answer, dict) else answer or []
                shown += bool(items)
                if not (len(offered) > 1 and offered.startswith(line[column])):
                    anew.append(latencies[-1])
                offered = items[0]["insertText"] if items else ""
                # The item may begin with what stands before the cursor already.
                if items and "range" in items[0]:
                    offered = offered[column + 1 - items[0]["range"]["start"]["character"] :]
                time.sleep(0.01)
            server.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        saves = []
        uri = marker.as_uri()
        text = marker.read_text()
        server.notify("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": EXTENSIONS[marker.suffix], "version": 1, "text": text}})
        for number in range(20):
            text = text.replace("zz_first_marker", f"zz_saved_{number}") if number == 0 else text.replace(f"zz_saved_{number - 1}", f"zz_saved_{number}")
            marker.write_text(text)
            started = time.perf_counter()
            server.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": number + 2}, "contentChanges": [{"text": text}]})
            server.notify("textDocument/didSave", {"textDocument": {"uri": uri}, "text": text})
            while not any(found["name"] == f"zz_saved_{number}" for found in server.request("workspace/symbol", {"query": f"zz_saved_{number}"}) or []):
                pass
            saves.append(1e3 * (time.perf_counter() - started))
        resident = server.resident()
        stormy = storm(server, files, options.storm, chance)
        server.close()
    result = {
        "files": len(files),
        "source_mb": source / 1e6,
        "open_first_s": first,
        "open_again_s": second,
        "index_over_source": index / source,
        "resident_mib": resident,
        "requests": len(latencies),
        "shown_percent": 100 * shown / len(latencies),
        "completion_p50_ms": percentile(latencies, 0.5),
        "completion_p95_ms": percentile(latencies, 0.95),
        "completion_p99_ms": percentile(latencies, 0.99),
        "anew": len(anew),
        "anew_p50_ms": percentile(anew, 0.5),
        "anew_p95_ms": percentile(anew, 0.95),
        "anew_p99_ms": percentile(anew, 0.99),
        "save_median_ms": statistics.median(saves),
        "save_worst_ms": max(saves),
        **stormy,
    }
    for name, value in result.items():
        print(f"{name:20} {value:10.2f}" if isinstance(value, float) else f"{name:20} {value:10}")
    print(json.dumps(result))


if __name__ == "__main__":
    sys.exit(main())
