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
    (None, include_str!("goldens/ledger.ts")),
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
        48-65 383 replay | def replay(accounts, amounts=(1, 2)):
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
        53-69 357 - | func (a *Account) Apply(entry Entry) (balance Cents, err error) {
        70-79 135 describe | func describe(value interface{}) string {
        80-84 217 Replay | func Replay(accounts []*Account, amounts ...Cents) (map[string]Cents, error) {
        85-98 246 Replay | for _, account := range accounts {

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
        55-67 226 money | bool Account::admit(Entry entry)
        68-82 220 - | namespace detail {
        83-96 374 replay | using money::Account;

        text:
        1-17 284 - | // A ledger of accounts.
        18-33 331 - | abstract class Base<T extends Named> implements Named {
        34-59 392 - | export class Problem extends Error {
        60-66 179 - | function total(entries: Cents[]): Cents;
        67-79 350 - | export function replay(amounts: Map<string, Cents>, stats?: Stats): Ledger {

    "#]]
    .assert_eq(&shown);
}
