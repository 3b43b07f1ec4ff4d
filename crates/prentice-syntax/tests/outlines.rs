//! Outlines of the fixtures that the goldens are about, and of what is hard to tell apart in each language.

use std::fmt::Write;

use expect_test::{Expect, expect};
use prentice_syntax::{Language, Outline, ReferenceKind, outline};

fn line(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}

/// Definitions and imports, a line for each; locals and references, a line for each line of the text.
fn render(text: &str, outline: &Outline) -> String {
    let mut out = String::new();
    for definition in &outline.definitions {
        let container = definition.container.as_ref().map_or_else(String::new, |container| format!("{container}."));
        let (first, last) = (line(text, definition.range.start), line(text, definition.range.end.max(1) - 1));
        let _ = writeln!(out, "{first}-{last} {:?} {container}{}", definition.kind, definition.name);
    }
    for import in &outline.imports {
        let named = |name: &str, alias: &Option<String>| match alias {
            Some(alias) => format!("{name} as {alias}"),
            None => name.to_owned(),
        };
        let names: Vec<String> = import.names.iter().map(|name| named(&name.name, &name.alias)).collect();
        let module = named(&import.module, &import.alias);
        let _ = writeln!(out, "{} import {module} [{}]", line(text, import.range.start), names.join(", "));
    }
    out
}

/// Locals with the lines where they are bound and mentioned.
fn render_locals(text: &str, outline: &Outline) -> String {
    let mut out = String::new();
    for local in &outline.locals {
        let mentions: Vec<String> = local.mentions.iter().map(|range| line(text, range.start).to_string()).collect();
        let _ = writeln!(out, "{} {}: {}", line(text, local.range.start), local.name, mentions.join(" "));
    }
    out
}

/// References by line: calls with parentheses, types in angles.
fn render_references(text: &str, outline: &Outline) -> String {
    let mut out = String::new();
    let mut last = 0;
    for reference in &outline.references {
        let line = line(text, reference.range.start);
        if line != last {
            let _ = write!(out, "{}{line}:", if last == 0 { "" } else { "\n" });
            last = line;
        }
        let _ = match reference.kind {
            ReferenceKind::Call => write!(out, " {}()", reference.name),
            ReferenceKind::Type => write!(out, " <{}>", reference.name),
            ReferenceKind::Other => write!(out, " {}", reference.name),
        };
    }
    out + "\n"
}

fn check(language: Language, text: &str, expected: Expect) {
    let outline = outline(language, text);
    for reference in &outline.references {
        assert_eq!(text[reference.range.clone()], reference.name);
    }
    for definition in &outline.definitions {
        assert_eq!(text[definition.name_range.clone()], definition.name);
        assert!(definition.range.start <= definition.name_range.start);
        assert!(definition.name_range.end <= definition.range.end);
    }
    let mut shown = render(text, &outline);
    if outline.unread_bytes > 0 {
        let _ = writeln!(shown, "{} bytes unread", outline.unread_bytes);
    }
    let _ = write!(shown, "{}---\n{}", render_locals(text, &outline), render_references(text, &outline));
    expected.assert_eq(&shown);
}

macro_rules! fixtures {
    ($($test:ident: $language:ident $file:literal $expected:expr;)*) => {$(
        #[test]
        fn $test() {
            check(Language::$language, include_str!(concat!("goldens/", $file)), $expected);
        }
    )*};
}

fixtures! {
    rust: Rust "ledger.rs" expect![[r#"
        7-7 TypeAlias Cents
        9-9 Constant LIMIT
        10-10 Constant GREETING
        13-17 Enum Entry
        14-14 Variant Entry.Deposit
        15-15 Variant Entry.Withdrawal
        15-15 Field Withdrawal.amount
        15-15 Field Withdrawal.note
        16-16 Variant Entry.Closed
        19-25 Interface Apply
        20-20 TypeAlias Apply.Outcome
        21-21 Method Apply.apply
        22-24 Method Apply.name
        28-32 Struct Account
        29-29 Field Account.owner
        30-30 Field Account.balance
        31-31 Field Account.seen
        35-38 Method Account.new
        40-47 Method Account.admit
        51-51 TypeAlias Account.Outcome
        53-60 Method Account.apply
        64-67 Enum Problem
        65-65 Variant Problem.Overflow
        66-66 Variant Problem.Unexplained
        66-66 Field Unexplained.amount
        70-72 Method Problem.fmt
        75-77 Macro entries
        79-86 Module report
        82-85 Function report.total
        88-102 Function replay
        3 import std::collections [BTreeMap as Map, HashSet]
        4 import std [fmt]
        4 import std::fmt [Display]
        80 import super [Account, Cents]
        21 entry: 
        35 owner: 36
        36 owner: 37
        40 amount: 41 45
        41 amount: 42
        53 entry: 54
        55 amount: 55
        56 amount: 56
        56 reason: 56
        57 amount: 57
        70 f: 71
        82 I: 82
        82 accounts: 84
        83 add: 84
        83 sum: 83
        83 account: 83
        88 T: 88 88 90
        88 account: 94
        88 count: 93
        92 outcomes: 96 98 101
        93 index: 95
        93 entry: 94
        94 outcome: 96
        95 index: 96
        99 total: 100
        ---
        3: std collections BTreeMap HashSet
        4: std fmt Display
        12: <Debug> <Clone> <PartialEq>
        14: <Cents>
        15: <Cents> <String>
        21: <Entry> <Outcome>
        22: <String>
        23: <String> from()
        27: <Default>
        29: <String>
        30: <Cents>
        31: <HashSet>
        34: <Account>
        36: to_owned()
        37: <Account> balance seen <HashSet> new()
        40: <Cents> <Result> <Problem>
        41: Some balance checked_add()
        42: balance
        43: Ok()
        45: Err() <Problem> Overflow()
        50: <Apply> <Account>
        51: <Result> <Problem>
        53: <Entry> <Outcome>
        55: <Entry> Deposit admit()
        56: <Entry> <Withdrawal> note is_empty() admit()
        57: <Entry> <Withdrawal> Err() <Problem> <Unexplained> amount
        58: <Entry> Closed Ok()
        63: <Debug>
        65: <Cents>
        66: <Cents>
        69: <Display> <Problem>
        70: fmt <Formatter> fmt <Result>
        71: write()
        76: vec() <Entry> Deposit()
        80: Account Cents
        82: <Iterator> <Item> <Account> <Cents>
        83: <Cents> <Account> balance
        84: fold()
        88: <Map> <Outcome>
        90: <Apply>
        92: <Map> new()
        93: entries() iter() enumerate() take() min() LIMIT
        94: apply()
        96: insert()
        98: println() GREETING len()
        99: report total() iter()
        100: assert_eq()
    "#]];
    python: Python "ledger.py" expect![[r#"
        9-9 Constant LIMIT
        10-10 Variable counter
        11-11 Variable left
        11-11 Variable right
        14-20 Class Problem
        15-15 Field Problem.code
        17-20 Method Problem.__init__
        19-19 Field Problem.amount
        20-20 Field Problem.rest
        20-20 Field Problem.options
        23-45 Class Account
        25-25 Field Account.owner
        26-26 Field Account.balance
        27-27 Field Account.entries
        29-31 Method Account.size
        33-35 Method Account.named
        37-45 Method Account.admit
        44-44 Field Account.last
        48-70 Function replay
        60-64 Function replay.total
        73-82 Function read
        3 import __future__ [annotations]
        5 import os.path as paths []
        6 import collections [OrderedDict, defaultdict as tables]
        7 import dataclasses [dataclass, field]
        17 self: 19 20 20
        17 amount: 19
        17 rest: 20
        17 note: 18
        17 options: 20
        30 self: 31
        34 cls: 35
        34 owner: 35
        37 self: 40 42 43 44 45
        37 amount: 40 41 43 44
        40 total: 42
        48 accounts: 50
        48 amounts: 52 57
        49 result: 54 70
        50 index: 52 56
        50 account: 52 54
        53 problem: 54
        57 squares: 58
        57 amount: 57 57 57
        58 ordered: 69
        58 square: 58
        60 values: 62
        61 subtotal: 63 64
        62 value: 63
        66 handle: 67
        67 first: 69
        67 others: 68
        73 command: 74
        75 amount: 76
        77 rest: 78
        79 lost: 80
        81 other: 82
        ---
        5: os path
        6: collections OrderedDict defaultdict
        7: dataclasses dataclass field
        10: <int>
        14: <Exception>
        18: super() __init__()
        23: dataclass()
        25: <str>
        26: <int>
        27: <list> <int> field() default_factory list
        29: property()
        30: <int>
        31: len() entries
        33: classmethod()
        34: <str> <Account>
        37: <int>
        38: counter
        39: counter counter
        40: balance
        41: Problem() note
        42: balance
        43: entries append()
        49: tables() list
        50: enumerate()
        52: admit()
        53: Problem
        54: owner append() amount
        57: LIMIT
        58: sorted() key
        66: open() paths join()
        67: readlines()
        69: print() total() left right
        70: OrderedDict()
        76: Account named() admit()
        77: Problem code
        79: <Problem> amount
    "#]];
    javascript: JavaScript "ledger.js" expect![[r#"
        4-4 Constant join
        4-4 Constant parent
        7-7 Constant LIMIT
        8-8 Variable counter
        9-9 Variable legacy
        12-25 Class Problem
        13-13 Field Problem.code
        14-14 Field Problem.#hidden
        16-20 Method Problem.constructor
        18-18 Field Problem.amount
        19-19 Field Problem.rest
        22-24 Method Problem.hidden
        27-50 Class Account
        28-28 Field Account.balance
        30-33 Method Account.constructor
        31-31 Field Account.owner
        32-32 Field Account.entries
        35-45 Method Account.admit
        47-49 Method Account.values
        52-52 Function double
        54-62 Constant handlers
        55-57 Method handlers.add
        58-60 Method handlers.show
        61-61 Field handlers.limit
        64-75 Function describe
        77-85 Function replay
        2 import node:fs [default as fs, readFile as read]
        3 import node:path as path []
        4 import node:path [join, dirname as parent]
        5 import node:path [basename]
        16 amount: 17 18
        16 rest: 19
        30 owner: 31
        35 amount: 36 38 42
        35 note: 42
        35 sort: 42
        36 total: 37 41
        38 total: 39
        48 entry: 48
        52 value: 52
        55 account: 56
        55 amount: 56
        58 account: 59
        64 account: 66 67
        65 text: 67 67 70 72 74
        66 index: 66 66 67
        71 problem: 72
        77 accounts: 78
        77 first: 78
        77 others: 82
        78 results: 84
        78 account: 78
        79 inner: 82
        79 again: 80
        79 depth: 80 80 80
        84 result: 84
        ---
        2: fs readFile
        4: dirname require()
        5: basename
        12: <Error>
        23: #hidden
        35: kind
        36: balance
        38: Problem()
        41: balance
        42: entries push()
        43: counter
        48: entries amount
        56: admit()
        59: describe()
        61: LIMIT
        66: entries length
        67: entries amount
        70: handlers show name
        72: message
        74: legacy
        78: Promise all() map() admit()
        80: LIMIT
        82: read() join() parent() path sep length
        83: fs existsSync() double()
        84: filter() Account
    "#]];
    typescript: TypeScript "ledger.ts" expect![[r#"
        5-5 TypeAlias Cents
        6-6 TypeAlias Outcome
        6-6 Field Outcome.ok
        6-6 Field Outcome.value
        6-6 Field Outcome.ok
        6-6 Field Outcome.problem
        8-11 Interface Named
        9-9 Field Named.name
        10-10 Method Named.rename
        13-16 Enum Kind
        14-14 Variant Kind.Deposit
        15-15 Variant Kind.Withdrawal
        18-32 Class Base
        19-19 Field Base.items
        21-21 Method Base.constructor
        21-21 Field Base.name
        21-21 Field Base.limit
        23-23 Method Base.describe
        25-31 Method Base.add
        34-38 Class Problem
        35-37 Method Problem.constructor
        35-35 Field Problem.kind
        40-46 Class Ledger
        41-41 Field Ledger.shared
        43-45 Method Ledger.describe
        48-51 Class Account
        49-49 Field Account.entries
        50-50 Field Account.name
        53-58 Module limits
        54-54 Constant limits.most
        55-57 Function limits.within
        60-60 Function total
        61-63 Function total
        65-65 Function first
        67-79 Function replay
        2 import node:fs [Stats]
        3 import node:fs as fs []
        6 T: 6
        10 name: 
        18 T: 19 23 25 25
        21 name: 
        21 limit: 
        23 item: 
        25 item: 29 30
        25 kind: 27
        35 kind: 36
        43 item: 44 44
        55 amount: 56
        60 entries: 
        61 entries: 62
        62 sum: 62
        62 entry: 62
        65 T: 65 65
        65 items: 65
        67 amounts: 69
        67 stats: 77
        68 ledger: 74 76 78
        69 name: 72
        69 amount: 70 73
        71 account: 72 73 74
        ---
        2: Stats
        6: <Problem>
        18: <Named> <Named>
        25: <Kind> Kind Deposit <Outcome>
        26: items length limit
        27: ok problem Problem()
        29: items push()
        30: ok value
        34: <Error>
        35: <Kind>
        36: Kind
        40: <Base> <Account>
        41: <Ledger>
        43: <Account>
        44: name total() entries
        48: <Named>
        49: <Cents>
        54: <Cents>
        55: <Cents>
        56: most
        60: <Cents> <Cents>
        61: <Cents> <Cents>
        62: reduce()
        67: <Map> <Cents> <Stats> <Ledger>
        68: Ledger()
        70: limits within()
        71: Account()
        72: name
        73: entries push()
        74: add()
        76: Ledger shared
        77: fs existsSync() first() isFile()
    "#]];
    tsx: Tsx "ledger.tsx" expect![[r#"
        4-7 Interface Props
        5-5 Field Props.owner
        6-6 Field Props.onPick
        9-9 Constant LABELS
        9-9 Field LABELS.open
        9-9 Field LABELS.closed
        11-22 Function Row
        24-34 Function List
        24-24 Field List.rows
        36-43 Class Empty
        37-37 Field Empty.Hint
        37-37 Field Hint.text
        39-42 Method Empty.render
        2 import react [default as React, useState]
        6 owner: 
        11 owner: 15 19
        11 onPick: 15
        12 open: 14 19
        12 setOpen: 14
        13 toggle: 18
        24 rows: 25
        25 shown: 28
        25 row: 25
        28 row: 29 29
        37 text: 37
        40 owner: 41
        ---
        2: React useState
        11: <Props>
        12: useState()
        18: className onClick
        19: LABELS open LABELS closed
        24: <React> <FC> <Props>
        25: filter() owner length
        28: map()
        29: Row key owner
        31: Empty Hint text
        36: React <Component> <Props>
        40: props
    "#]];
    go: Go "ledger.go" expect![[r#"
        11-11 TypeAlias Cents
        13-13 TypeAlias Names
        16-16 Constant Limit
        17-17 Constant first
        20-20 Variable ErrOverdrawn
        23-26 Interface Applier
        24-24 Method Applier.Apply
        28-31 Struct Entry
        29-29 Field Entry.Amount
        29-29 Field Entry.Fee
        30-30 Field Entry.Note
        33-38 Struct Account
        35-35 Field Account.Owner
        36-36 Field Account.entries
        37-37 Field Account.names
        40-42 Struct Stack
        41-41 Field Stack.items
        44-46 Method Stack.Push
        49-51 Function New
        53-64 Method Account.Apply
        66-68 Method Account.String
        70-78 Function describe
        80-98 Function Replay
        5 import errors []
        6 import fmt as text []
        7 import sort []
        24 entry: 
        40 T: 41
        44 s: 45 45
        44 T: 44
        44 item: 45
        49 owner: 50
        53 a: 54 57 57 58
        53 entry: 54 57
        53 balance: 60 63
        53 err: 62 63
        54 balance: 54
        58 index: 59
        58 entry: 60
        59 index: 60
        66 a: 67 67
        70 value: 71
        71 known: 73 75
        80 accounts: 83 83 84 85
        80 amounts: 86
        81 result: 92 97
        82 last: 89 97
        83 less: 84
        83 left: 83
        83 right: 83
        85 account: 87 87 92
        86 amount: 87
        87 balance: 92
        87 err: 88 89
        95 stack: 96
        ---
        11: <int64>
        13: <string> <Cents>
        17: <Cents>
        20: errors New()
        24: <Entry> <Cents> <error>
        25: text <Stringer>
        29: <Cents>
        30: <string>
        34: <Entry>
        35: <string>
        36: <Entry>
        37: <Names>
        40: <any>
        44: <Stack>
        45: items append() items
        49: <string> <Account>
        50: <Account> Owner names <Names>
        53: <Account> <Entry> <Cents> <error>
        54: Amount Amount
        55: ErrOverdrawn
        57: entries append() entries
        58: entries
        59: Limit
        60: Amount Cents()
        66: <Account> <string>
        67: text Sprintf() Owner len() entries
        70: <string>
        72: <Applier>
        73: String()
        74: <error>
        75: Error()
        80: <Account> <Cents> <string> <Cents> <error>
        81: make() <string> <Cents>
        82: <error>
        83: <int> <bool> Owner Owner
        84: sort Slice()
        87: Apply() <Entry> Amount Note describe()
        92: Owner first
        95: <Stack> <Cents>
        96: Push() first
    "#]];
    java: Java "Ledger.java" expect![[r#"
        11-106 Class Ledger
        12-12 Constant Ledger.LIMIT
        13-13 Field Ledger.accounts
        14-14 Field Ledger.first
        14-14 Field Ledger.last
        16-22 Enum Ledger.Kind
        17-17 Variant Kind.DEPOSIT
        17-17 Variant Kind.WITHDRAWAL
        19-21 Method Kind.adds
        24-30 Interface Ledger.Named
        25-25 Constant Named.UNKNOWN
        27-29 Method Named.name
        32-40 Struct Ledger.Entry
        32-32 Field Entry.kind
        32-32 Field Entry.amount
        33-35 Method Entry.Entry
        37-39 Method Entry.signed
        42-44 Interface Ledger.Audited
        43-43 Method Audited.by
        46-53 Class Ledger.Problem
        47-47 Field Problem.amount
        49-52 Method Problem.Problem
        55-77 Class Ledger.Account
        57-57 Field Account.owner
        58-58 Field Account.balance
        60-62 Method Account.Account
        64-67 Method Account.name
        69-76 Method Account.admit
        79-105 Method Ledger.replay
        82-82 Field replay.count
        84-87 Method replay.run
        3 import java.util.Objects [requireNonNull]
        5 import java.util [ArrayList]
        6 import java.util [List]
        7 import java.util [Map]
        8 import java.util.function []
        11 K: 11 79 79
        49 amount: 50 51
        60 owner: 61
        69 T: 69
        69 entry: 70
        70 balance: 71 72 74 75
        79 named: 98
        79 entries: 89
        80 add: 100
        80 left: 80
        80 right: 80
        81 later: 103
        89 entry: 92
        90 index: 90 90 92
        93 problem: 94
        98 any: 99
        99 account: 100
        102 name: 102
        ---
        3: java util <Objects> requireNonNull
        5: java util ArrayList
        6: java util List
        7: java util Map
        8: java util function
        11: <Comparable>
        13: <List> <Account> ArrayList()
        20: DEPOSIT
        25: <String>
        27: <String>
        28: UNKNOWN
        32: <Kind>
        34: requireNonNull() kind
        38: kind adds() amount amount
        43: <String>
        46: <RuntimeException>
        51: amount
        55: <Audited> by
        56: <Named>
        57: <String>
        60: <String>
        61: owner
        64: <Override>
        65: <String>
        66: owner
        69: <Entry> <Problem>
        70: balance signed()
        72: Problem()
        74: balance
        79: <Map> <Long> <Map> <Account> <Entry>
        80: <BiFunction> <Long> <Long> <Long>
        81: <Runnable> Runnable()
        84: <Override>
        86: count LIMIT
        89: <Entry>
        90: LIMIT
        92: accounts get() admit()
        93: <Problem>
        94: last amount
        98: <Object>
        99: <Account>
        100: first apply() balance intValue()
        102: accounts stream() map() Account name forEach() System out println()
        103: run()
        104: Map of()
    "#]];
    c: C "ledger.c" expect![[r#"
        5-5 Macro LIMIT
        6-6 Macro ADD
        8-8 TypeAlias cents
        10-10 Enum kind
        10-10 Variant kind.DEPOSIT
        10-10 Variant kind.WITHDRAWAL
        15-15 Field entry.kind
        16-16 Field entry.amount
        14-17 Struct entry
        19-25 Struct account
        20-20 Field account.owner
        21-21 Field account.balance
        22-22 Field account.entries
        23-23 Field account.next
        24-24 Field account.check
        27-27 TypeAlias account_t
        28-28 TypeAlias visitor
        30-30 Variable names
        31-31 Variable counter
        31-31 Variable latest
        32-32 Function total
        34-45 Function admit
        47-54 Function total
        56-62 Function visit
        64-70 Function print
        66-66 Field print.bytes
        66-66 Field print.value
        72-82 Function main
        2 import stddef.h []
        3 import string.h []
        24 self: 
        24 amount: 
        34 account: 39 39 42 44 44 44
        34 entry: 36 37 38
        36 amount: 42 44
        38 amount: 39
        47 account: 51
        49 sum: 51 53
        50 index: 50 50 51
        56 accounts: 59
        56 visitor: 60
        56 data: 60
        58 result: 60 61
        59 each: 59 59 59 60
        64 account: 67
        64 data: 68
        66 both: 67 68 68
        74 account: 77 79
        75 first: 77
        ---
        12: <account>
        15: <kind>
        16: <cents>
        21: <cents>
        22: <entry> LIMIT
        23: <account>
        24: <account> <cents>
        27: <account>
        28: <account_t>
        32: <cents> <account_t>
        34: <account_t> <entry>
        36: <cents> amount
        37: kind WITHDRAWAL
        38: <cents> amount
        39: balance ADD() balance
        42: balance
        43: counter
        44: check check()
        47: <cents> <account_t>
        49: <cents>
        50: LIMIT
        51: entries amount
        56: <account> <visitor>
        59: <account> next
        64: <account_t>
        66: <cents>
        67: value total()
        68: memcpy() bytes
        69: strlen() names DEPOSIT <account>
        74: <account> owner balance
        75: <entry> DEPOSIT
        76: latest counter
        77: admit()
        79: visit() print
    "#]];
    cpp: Cpp "ledger.cpp" expect![[r#"
        5-81 Module money
        7-7 TypeAlias money.cents
        8-8 Variable money.limit
        10-10 Enum money.Kind
        10-10 Variant Kind.deposit
        10-10 Variant Kind.withdrawal
        12-21 Class money.Stack
        15-15 Method Stack.push
        16-16 Method Stack.operator[]
        19-19 Field Stack.items
        20-20 Field Stack.size
        23-26 Struct money.Entry
        24-24 Field Entry.kind
        25-25 Field Entry.amount
        28-32 Class money.Named
        30-30 Method Named.~Named
        31-31 Method Named.name
        34-47 Class money.Account
        36-36 Method Account.Account
        37-37 Method Account.~Account
        38-38 Method Account.name
        39-39 Method Account.admit
        40-40 Method Account.balance
        41-41 Field Account.count
        44-44 Field Account.owner_
        45-45 Field Account.entries_
        46-46 Field Account.balance_
        49-49 Field Account.count
        51-51 Method Account.Account
        53-53 Method Account.~Account
        55-64 Method Account.admit
        66-66 Method Account.balance
        68-79 Module money.detail
        69-78 Function detail.sum
        85-96 Function replay
        2 import stddef.h []
        3 import cstddef []
        12 T: 15 16 19
        12 N: 19
        15 item: 15
        16 index: 16
        36 owner: 
        39 entry: 
        51 owner: 51
        55 entry: 57 57 61 62
        57 amount: 58
        69 Range: 70
        69 Function: 70
        70 range: 73
        70 function: 74
        72 total: 75 77
        73 item: 74
        74 value: 75
        85 count: 93 93
        87 entries: 90 93
        88 account: 91 94
        89 admitted: 91 95
        90 entry: 91
        93 total: 95
        93 entry: 93
        ---
        12: limit
        15: items size
        16: std <size_t> items
        24: <Kind>
        25: <cents>
        34: <Named>
        38: owner_
        39: <Entry>
        40: <cents>
        45: <Stack> <Entry>
        46: <cents>
        49: <Account>
        51: <Account> owner_ count
        53: <Account> count
        55: <Account> <Entry>
        57: amount kind <Kind> withdrawal
        58: balance_
        59: balance()
        61: entries_ push()
        62: balance_ amount
        66: <cents> <Account> balance_
        70: <cents>
        72: <cents>
        83: money Account
        87: money <Entry> money <Kind> deposit money <Kind> withdrawal
        88: Account()
        91: admit()
        93: money detail sum() money <Entry> amount
    "#]];
}

#[test]
fn imports() {
    let table = [
        (
            Language::Rust,
            "use a;\nuse a::b as c;\nuse {x::Y, z};\nuse a::{self, b::{C, D as E, self as f}, g::*};\npub(crate) use super::h;\nextern crate i as j;",
            expect![[r#"
                1 import a []
                2 import a [b as c]
                3 import x [Y]
                3 import z []
                4 import a []
                4 import a::b [C, D as E]
                4 import a [b as f]
                4 import a::g []
                5 import super [h]
                6 import i as j []
            "#]],
        ),
        (
            Language::Python,
            "import a, b.c as d\nfrom . import e\nfrom ..f.g import (h as i, j)\nfrom k import *\nfrom __future__ import l",
            expect![[r#"
                1 import a []
                1 import b.c as d []
                2 import . [e]
                3 import ..f.g [h as i, j]
                4 import k []
                5 import __future__ [l]
            "#]],
        ),
        (
            Language::JavaScript,
            "import 'a';\nimport b, * as c from 'd';\nexport * from 'e';\nexport * as f from 'g';\nexport { h as i } from 'j';\nconst k = require('l');\nconst { m, n: o } = require(\"p\");\nconst q = await import('r');\nexport const s = 1;",
            expect![[r#"
                6-6 Constant k
                7-7 Constant m
                7-7 Constant o
                8-8 Constant q
                9-9 Constant s
                1 import a []
                2 import d as c [default as b]
                3 import e []
                4 import g as f []
                5 import j [h as i]
                6 import l as k []
                7 import p [m, n as o]
                8 import r []
            "#]],
        ),
        (
            Language::TypeScript,
            "import type { A, B as C } from './d';\nimport e = require('f');",
            expect![[r#"
            1 import ./d [A, B as C]
            2 import f as e []
        "#]],
        ),
        (
            Language::Go,
            "package p\nimport \"a/b\"\nimport (\n c \"d\"\n . \"e\"\n _ \"f\"\n)",
            expect![[r#"
            2 import a/b []
            4 import d as c []
            5 import e as . []
            6 import f as _ []
        "#]],
        ),
        (
            Language::Java,
            "import a.B;\nimport static a.B.c;\nimport a.*;\nimport static a.B.*;",
            expect![[r#"
            1 import a [B]
            2 import a.B [c]
            3 import a []
            4 import a.B []
        "#]],
        ),
        (
            Language::C,
            "#include <a.h>\n#include \"b/c.h\"\n#include MACRO",
            expect![[r#"
            1 import a.h []
            2 import b/c.h []
            3 import MACRO []
        "#]],
        ),
    ];
    for (language, text, expected) in table {
        expected.assert_eq(&render(text, &outline(language, text)));
    }
}

/// Behind each name that means a local stands the local's number.
#[test]
fn locals_shadow_what_has_their_name() {
    let table = [
        (Language::Rust, "fn x() { let x = x(); { let x = x + 1; x; } x; if let Some(x) = f(x) { x } else { x } }"),
        (
            Language::Rust,
            "fn f(a: A) { for a in a { a; } match a { B(c) | C(c) if c => c, D { e, f: g } => e + g, N => N } |a| a; a }",
        ),
        (Language::Rust, "struct S<T>(T); impl<T> S<T> { fn f<U>(t: T) -> U { T::g::<U>(t.t) } } fn T() -> T {}"),
        (
            Language::Python,
            "x = 1\ndef f(a, *b, c=x, **d):\n    global x\n    x = a\n    y = [y for y in b if y]\n    def g():\n        nonlocal y\n        y = c\n    return x, y, d.a",
        ),
        (
            Language::JavaScript,
            "let a = 1; function f(b, {c, d: e}) { a; if (b) { let a = c; a + e } var g = () => { g; b = 1 }; { var g } return a.b + d }",
        ),
        (
            Language::Go,
            "package p\nfunc f(a int) (b int, err error) { a := a; if a := b; a > 0 { a := a; _ = a }; c, err := g(a); return c, err }",
        ),
        (
            Language::Go,
            "package p\nfunc (s *S[T]) f(a any) { switch a := a.(type) { case T: _ = (*T)(a) }; select { case b := <-a: b() } }",
        ),
        (
            Language::Python,
            "def f(a):\n    match a:\n        case [A.b, c, B(d=e)] as g: c(d, e, g)\n    with a as h, b: h\n    class C:\n        c = a\n        def c(self): return c",
        ),
        (
            Language::TypeScript,
            "class A<T> { constructor(private a: T, b = a) { this.a = b } c<U>(d: (e: U) => T): d is e { return d(a) } }",
        ),
        (
            Language::Cpp,
            "template <class T> T f(T &a, int b) { for (auto &[c, d] : a) c(d); auto e = [b, &g = a](T a) { return a + b + g; }; return T(e); }",
        ),
        (Language::Java, "class A { int a; void f(int b) { int c = a; for (int a : b) { a++; } a = this.b + b(c); } }"),
        (Language::C, "int a; int f(int b) { int c = a, *a = &b; { int a = c; a; } return a->b; }"),
    ];
    let mut shown = String::new();
    for (language, text) in table {
        let outline = outline(language, text);
        let mut marks: Vec<(usize, usize)> = Vec::new();
        for (index, local) in outline.locals.iter().enumerate() {
            marks.extend(local.mentions.iter().chain([&local.range]).map(|range| (range.end, index)));
            assert_eq!(outline.local_at(local.range.start), Some(local));
        }
        marks.sort_unstable();
        let mut done = 0;
        for (end, index) in marks {
            let _ = write!(shown, "{}‸{index}", &text[done..end]);
            done = end;
        }
        shown += &text[done..];
        shown += "\n\n";
    }
    expect![[r#"
        fn x() { let x‸0 = x(); { let x‸1 = x‸0 + 1; x‸1; } x‸0; if let Some(x‸2) = f(x‸0) { x‸2 } else { x‸0 } }

        fn f(a‸0: A) { for a‸1 in a‸0 { a‸1; } match a‸0 { B(c‸2) | C(c‸2) if c‸2 => c‸2, D { e‸3, f: g‸4 } => e‸3 + g‸4, N => N } |a‸5| a‸5; a‸0 }

        struct S<T‸0>(T‸0); impl<T‸1> S<T‸1> { fn f<U‸2>(t‸3: T‸1) -> U‸2 { T‸1::g::<U‸2>(t‸3.t) } } fn T() -> T {}

        x = 1
        def f(a‸0, *b‸1, c‸2=x, **d‸3):
            global x
            x = a‸0
            y‸4 = [y‸5 for y‸5 in b‸1 if y‸5]
            def g():
                nonlocal y‸4
                y‸4 = c‸2
            return x, y‸4, d‸3.a

        let a = 1; function f(b‸0, {c‸1, d: e‸2}) { a; if (b‸0) { let a‸3 = c‸1; a‸3 + e‸2 } var g‸4 = () => { g‸4; b‸0 = 1 }; { var g‸4 } return a.b + d }

        package p
        func f(a‸0 int) (b‸1 int, err‸2 error) { a‸0 := a‸0; if a‸3 := b‸1; a‸3 > 0 { a‸4 := a‸3; _ = a‸4 }; c‸5, err‸2 := g(a‸0); return c‸5, err‸2 }

        package p
        func (s‸0 *S[T‸1]) f(a‸2 any) { switch a‸3 := a‸2.(type) { case T‸1: _ = (*T‸1)(a‸3) }; select { case b‸4 := <-a‸2: b‸4() } }

        def f(a‸0):
            match a‸0:
                case [A.b, c‸1, B(d=e‸2)] as g‸3: c‸1(d, e‸2, g‸3)
            with a‸0 as h‸4, b: h‸4
            class C:
                c = a‸0
                def c(self‸5): return c‸1

        class A<T‸0> { constructor(private a‸1: T‸0, b‸2 = a‸1) { this.a = b‸2 } c<U‸3>(d‸4: (e‸5: U‸3) => T‸0): d‸4 is e { return d‸4(a) } }

        template <class T‸0> T‸0 f(T‸0 &a‸1, int b‸2) { for (auto &[c‸3, d‸4] : a‸1) c‸3(d‸4); auto e‸5 = [b‸2, &g‸6 = a‸1](T‸0 a‸7) { return a‸7 + b‸2 + g‸6; }; return T‸0(e‸5); }

        class A { int a; void f(int b‸0) { int c‸1 = a; for (int a‸2 : b‸0) { a‸2++; } a = this.b + b(c‸1); } }

        int a; int f(int b‸0) { int c‸1 = a, *a‸2 = &b‸0; { int a‸3 = c‸1; a‸3; } return a‸2->b; }

    "#]].assert_eq(&shown);
}

#[test]
fn broken_code_is_read_as_far_as_possible() {
    let table = [
        (Language::Rust, "fn a() { b( }\n\nstruct C { d: E\n\nfn f() -> G {}\n"),
        (Language::Python, "def a(:\n    pass\n\nclass B:\n    def c(self):\n        return d(\n\ndef e(): pass\n"),
        (Language::TypeScript, "class A {\n  b() { this. }\n}\nfunction c() { return d(1, }\nconst = 3;\n"),
        (Language::Go, "package p\n\nfunc a( {\n\nfunc b() { c() }\n"),
        (Language::Java, "class A { void b( { c(); } int d; }"),
        (Language::Cpp, "class A { void b() { c(; } };\nint d( {}\nvoid e() { f(); }\n"),
    ];
    let mut shown = String::new();
    for (language, text) in table {
        let outline = outline(language, text);
        let names: Vec<&str> = outline.definitions.iter().map(|definition| definition.name.as_str()).collect();
        let _ = writeln!(
            shown,
            "{language}: {} ({} of {} bytes unread)",
            names.join(" "),
            outline.unread_bytes,
            text.len()
        );
    }
    expect![[r#"
        Rust: a C d f (1 of 47 bytes unread)
        Python: a B c e (8 of 77 bytes unread)
        TypeScript: A b (8 of 68 bytes unread)
        Go: a (2 of 39 bytes unread)
        Java: A b d (0 of 35 bytes unread)
        C++: A b (5 of 58 bytes unread)
    "#]]
    .assert_eq(&shown);
}
