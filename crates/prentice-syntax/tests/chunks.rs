//! Chunks: what they promise of every text, and how they fall in a real one.

use std::fmt::Write;

use expect_test::expect;
use prentice_syntax::{Chunk, ChunkOptions, Language, chunks};

const FIXTURES: &[(Option<Language>, &str)] = &[
    (Some(Language::Rust), include_str!("goldens/ledger.rs")),
    (Some(Language::Python), include_str!("goldens/ledger.py")),
    (Some(Language::JavaScript), include_str!("goldens/ledger.js")),
    (Some(Language::TypeScript), include_str!("goldens/ledger.ts")),
    (Some(Language::Tsx), include_str!("goldens/ledger.tsx")),
    (Some(Language::Go), include_str!("goldens/ledger.go")),
    (Some(Language::Java), include_str!("goldens/Ledger.java")),
    (Some(Language::C), include_str!("goldens/ledger.c")),
    (Some(Language::Cpp), include_str!("goldens/ledger.cpp")),
    (None, include_str!("goldens/make.py")),
    (None, "no line end"),
    (None, "\n\n\n"),
    (None, ""),
    (Some(Language::Rust), "\r\n\r\nfn a() {}\r\n\r\n\r\nfn b() {}"),
    (Some(Language::Python), "   \n\n\n# only a comment"),
];

fn size(text: &str) -> usize {
    text.chars().filter(|character| !character.is_whitespace()).count()
}

#[test]
fn chunks_cover_a_text_within_the_budget() {
    for (language, text) in FIXTURES {
        for budget in [0, 1, 7, 40, 100, 300, 1_000, 100_000] {
            let chunks = chunks(*language, text, &ChunkOptions { budget });
            let joined: String = chunks.iter().map(|chunk| &text[chunk.range.clone()]).collect();
            assert_eq!(joined, *text);
            let mut line = 1;
            for Chunk { range, first_line, last_line, .. } in chunks {
                let part = &text[range];
                assert_eq!(first_line, line);
                line = last_line + 1;
                assert_eq!(part.split_inclusive('\n').count() as u32, line - first_line);
                assert!(size(part) <= budget || first_line == last_line, "{language:?}, {budget}: {part}");
            }
        }
    }
}

#[test]
fn a_text_within_the_budget_is_one_chunk() {
    for (language, text) in FIXTURES.iter().filter(|(_, text)| !text.is_empty()) {
        assert_eq!(chunks(*language, text, &ChunkOptions { budget: size(text) }).len(), 1);
    }
}

/// Lines, size and name of each chunk, and its first line of text.
fn render(language: Option<Language>, text: &str, budget: usize) -> String {
    let mut out = String::new();
    for chunk in chunks(language, text, &ChunkOptions { budget }) {
        let part = &text[chunk.range.clone()];
        let name = chunk.name.as_deref().unwrap_or("-");
        let begins = part.lines().next().unwrap_or_default().trim();
        let _ = writeln!(out, "{}-{} {} {name} | {begins}", chunk.first_line, chunk.last_line, size(part));
    }
    out
}

#[test]
fn chunks_fall_between_items() {
    let mut shown = String::new();
    for (language, text) in FIXTURES.iter().take(10) {
        let _ = writeln!(shown, "{}:\n{}", language.map_or("text", Language::name), render(*language, text, 400));
    }
    expect![[r#"
        Rust:
        1-18 291 - | //! A ledger of accounts.
        19-33 203 - | pub trait Apply {
        34-49 277 - | impl Account {
        50-62 328 - | impl Apply for Account {
        63-78 249 - | #[derive(Debug)]
        79-87 175 report | mod report {
        88-102 365 replay | pub fn replay<T>(account: &mut T, count: usize) -> Map<usize, T::Outcome>

        Python:
        1-22 361 - | """A ledger of accounts."""
        23-36 202 Account | @dataclass
        37-47 208 admit | def admit(self, amount: int) -> "Account":
        48-65 383 total | def replay(accounts, amounts=(1, 2)):
        66-72 149 replay | with open(paths.join("a", "b")) as handle:
        73-82 186 read | def read(command):

        JavaScript:
        1-10 216 - | // A ledger of accounts.
        11-26 194 Problem | /** What went wrong. */
        27-51 369 Account | export default class Account {
        52-76 385 - | export const double = (value) => value * 2;
        77-85 344 replay | export async function replay(accounts, [first, ...others]) {

        TypeScript:
        1-17 284 - | // A ledger of accounts.
        18-33 331 Base | abstract class Base<T extends Named> implements Named {
        34-59 392 - | export class Problem extends Error {
        60-66 179 - | function total(entries: Cents[]): Cents;
        67-79 350 replay | export function replay(amounts: Map<string, Cents>, stats?: Stats): Ledger {

        TSX:
        1-23 371 - | // A list of accounts.
        24-43 342 - | export const List: React.FC<{ rows: Props[] }> = ({ rows }) => {

        Go:
        1-39 395 - | // Package ledger keeps accounts.
        40-52 179 - | type Stack[T any] struct {
        53-69 357 String | func (a *Account) Apply(entry Entry) (balance Cents, err error) {
        70-79 135 describe | func describe(value interface{}) string {
        80-80 71 Replay | func Replay(accounts []*Account, amounts ...Cents) (map[string]Cents, error) {
        81-98 392 Replay | result := make(map[string]Cents)

        Java:
        1-9 153 - | package ledger;
        10-31 303 Ledger | /** A ledger of accounts. */
        32-54 274 Ledger | record Entry(Kind kind, long amount) {
        55-78 333 Account | @Audited(by = "tests")
        79-98 360 replay | public Map<K, Long> replay(Map<K, Account> named, Entry... entries) {
        99-106 186 Ledger | if (any instanceof Account account) {

        C:
        1-27 378 - | /* A ledger of accounts. */
        28-33 166 - | typedef int (*visitor)(account_t *account, void *data);
        34-46 268 admit | static int admit(account_t *account, entry entry)
        47-63 303 visit | cents total(const account_t *account)
        64-82 365 - | static int print(account_t *account, void *data)

        C++:
        1-4 55 - | // A ledger of accounts.
        5-33 366 money | namespace money {
        34-54 361 money | class Account final : public Named {
        55-67 226 balance | bool Account::admit(Entry entry)
        68-82 220 - | namespace detail {
        83-96 374 replay | using money::Account;

        text:
        1-6 181 - | """Records what compilers and language servers say of the fixtures, as the reference for the crate's outlines.
        7-13 336 - | - `tool`: who says it;
        14-21 397 - | - rust-analyzer for Rust, with the component `rust-src`; the fixture becomes a crate of its own;
        22-35 313 - | A server answers for each word of the text, comments and strings included, so that the script need not know what a name
        36-42 318 - | HERE = pathlib.Path(__file__).parent
        43-48 372 - | KEYWORDS = {"rust": ["fn", "for", "if", "loop", "match", "self", "while"], "c": ["struct", "union"]}
        49-54 199 - | "ledger.tsx": (["tsc", "--lsp", "--stdio"], "typescriptreact", "tsc --version"),
        55-57 60 - | class Server:
        58-67 324 - | def __init__(self, command, root):
        68-73 166 - | "textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": True}},
        74-81 246 - | def send(self, message):
        82-90 356 - | def receive(self):
        91-95 184 - | self.send({"id": message["id"], "result": [None] * len(items) if items else None})
        96-106 275 - | def ask(self, method, params):
        107-110 74 - | def place(position):
        111-117 374 - | def symbols(found, lines, around="module"):
        118-123 327 - | is_local = (in_value and kind in ("variable", "constant", "type parameter")) or (in_function and kind == "property")
        124-126 81 - | yield from symbols(symbol.get("children") or [], lines, around if kind == "object" else kind)
        127-129 129 - | def names(text, language, mentions):
        130-141 398 - | A parameter of Python's begins with its stars for pyright, and its name behind them here.
        142-146 165 - | in_comment = re.search("//|/\\*", lines[line - 1][: column - 1])
        147-157 373 - | def from_server(name):
        158-164 385 - | options = {"jsx": "preserve", "allowJs": True, "strict": True, "target": "esnext", "module": "preserve"}
        165-172 335 - | while language == "rust" and not server.quiescent:
        173-177 311 - | found = server.ask("textDocument/definition", {"textDocument": document, "position": position})
        178-185 387 - | mentions.append([place(position), word.group(), sorted({place(each["start"]) for each in ranges})])
        186-189 61 - | def order(entry):
        190-197 372 - | def from_program(name, command, tool):
        198-208 375 - | def main():
        209-214 357 - | rows = {key: ",\n".join(f"    {json.dumps(row)}" for row in golden[key]) for key in ("definitions", "mentions")}
        215-215 6 - | main()

    "#]].assert_eq(&shown);
}
