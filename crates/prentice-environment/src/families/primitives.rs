//! The primitives: one row each, with what it means, how it is said, what it is mistaken for, and how it is written in
//! Python, JavaScript and Rust.
//!
//! Templates: `{k}`, `{a}` and `{b}` are the constant. A row that keeps or changes single elements calls them `x`; the
//! others call their argument `xs`, `n` or `s`, by its domain. Division rounds down and remainders are not negative, as
//! in Python. Each phrasing says by itself what is meant; none says it of more than one row.

use Meaning::{Each, Keep, Measure, Number, Reduce, Text, Whole};

use super::grammar::{Constant, Kind, Value};

/// One row of [`PRIMITIVES`].
#[derive(Debug)]
pub struct Primitive {
    /// Stable name.
    pub name: &'static str,
    /// What it computes.
    pub meaning: Meaning,
    /// What it may be parametrised by.
    pub constants: Constants,
    /// Instructions in English, in lower case and without full stop.
    pub phrasings: &'static [&'static str],
    /// Names of the primitives that it is mistaken for, of the same domains.
    pub neighbours: &'static [&'static str],
    /// Expressions in Python, JavaScript and Rust.
    pub code: [&'static str; 3],
}

/// What a primitive computes; the last argument is the constant.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    /// The elements of a list for which this holds.
    Keep(fn(i64, i64) -> bool),
    /// Each element of a list, changed.
    Each(fn(i64, i64) -> i64),
    /// A list of a list.
    Whole(fn(Vec<i64>, usize) -> Vec<i64>),
    /// A number of a list.
    Reduce(fn(&[i64], i64) -> i64),
    /// A number of a number.
    Number(fn(i64, i64) -> i64),
    /// A text of a text.
    Text(fn(&str, Constant) -> String),
    /// A number of a text.
    Measure(fn(&str, Constant) -> i64),
}

/// What a primitive may be parametrised by.
#[derive(Clone, Copy, Debug)]
pub enum Constants {
    /// Nothing.
    None,
    /// One of these numbers.
    Numbers(&'static [i64]),
    /// One of these letters.
    Letters(&'static [char]),
    /// One of these pairs of letters.
    Pairs(&'static [(char, char)]),
}

impl Constants {
    /// All of them, at least one.
    pub fn all(self) -> Vec<Constant> {
        match self {
            Constants::None => vec![Constant::None],
            Constants::Numbers(numbers) => numbers.iter().map(|&k| Constant::Number(k)).collect(),
            Constants::Letters(letters) => letters.iter().map(|&a| Constant::Letter(a)).collect(),
            Constants::Pairs(pairs) => pairs.iter().map(|&(a, b)| Constant::Letters(a, b)).collect(),
        }
    }
}

impl Primitive {
    /// The domain that it leads from.
    pub fn from(&self) -> Kind {
        match self.meaning {
            Keep(_) | Each(_) | Whole(_) | Reduce(_) => Kind::List,
            Number(_) => Kind::Number,
            Text(_) | Measure(_) => Kind::Text,
        }
    }

    /// The domain that it leads to.
    pub fn to(&self) -> Kind {
        match self.meaning {
            Keep(_) | Each(_) | Whole(_) => Kind::List,
            Reduce(_) | Number(_) | Measure(_) => Kind::Number,
            Text(_) => Kind::Text,
        }
    }

    pub(super) fn apply(&self, value: Value, constant: Constant) -> Value {
        let k = constant.number();
        match (self.meaning, value) {
            (Keep(holds), Value::List(xs)) => Value::List(xs.into_iter().filter(|&x| holds(x, k)).collect()),
            (Each(change), Value::List(xs)) => Value::List(xs.into_iter().map(|x| change(x, k)).collect()),
            (Whole(change), Value::List(xs)) => Value::List(change(xs, constant.count())),
            (Reduce(reduce), Value::List(xs)) => Value::Number(reduce(&xs, k)),
            (Number(change), Value::Number(n)) => Value::Number(change(n, k)),
            (Text(change), Value::Text(s)) => Value::Text(change(&s, constant)),
            (Measure(measure), Value::Text(s)) => Value::Number(measure(&s, constant)),
            (_, value) => panic!("`{}` does not take {value:?}", self.name),
        }
    }
}

const NOTHING: Constants = Constants::None;
const LIMITS: Constants = Constants::Numbers(&[2, 3, 4, 5, 6, 7, 8]);
const STEPS: Constants = Constants::Numbers(&[1, 2, 3, 4, 5, 6]);
const FACTORS: Constants = Constants::Numbers(&[2, 3, 4, 5]);
const DIVISORS: Constants = Constants::Numbers(&[3, 4, 5]);
const COUNTS: Constants = Constants::Numbers(&[1, 2, 3]);
const LETTERS: Constants = Constants::Letters(&['a', 'e', 'o', 's', 't']);
const PAIRS: Constants = Constants::Pairs(&[('a', 'o'), ('e', 'i'), ('s', 'z'), ('t', 'd'), ('o', 'u')]);

const fn row(
    name: &'static str,
    meaning: Meaning,
    constants: Constants,
    phrasings: &'static [&'static str],
    neighbours: &'static [&'static str],
    code: [&'static str; 3],
) -> Primitive {
    Primitive { name, meaning, constants, phrasings, neighbours, code }
}

fn is_vowel(c: char) -> bool {
    "aeiouAEIOU".contains(c)
}

/// All primitives. A place in this list is an identity within a process; names are stable across versions.
pub static PRIMITIVES: &[Primitive] = &[
    // Keeping elements.
    row(
        "keep_greater",
        Keep(|x, k| x > k),
        LIMITS,
        &["keep the numbers greater than {k}", "keep what is above {k}", "keep only numbers over {k}"],
        &["keep_at_least", "keep_less"],
        ["x > {k}", "x > {k}", "x > {k}"],
    ),
    row(
        "keep_less",
        Keep(|x, k| x < k),
        LIMITS,
        &["keep the numbers less than {k}", "keep what is below {k}", "keep only numbers under {k}"],
        &["keep_at_most", "keep_greater"],
        ["x < {k}", "x < {k}", "x < {k}"],
    ),
    row(
        "keep_at_least",
        Keep(|x, k| x >= k),
        LIMITS,
        &["keep the numbers that are at least {k}", "keep the numbers from {k} up", "drop the numbers below {k}"],
        &["keep_greater"],
        ["x >= {k}", "x >= {k}", "x >= {k}"],
    ),
    row(
        "keep_at_most",
        Keep(|x, k| x <= k),
        LIMITS,
        &["keep the numbers that are at most {k}", "keep the numbers up to {k}", "drop the numbers above {k}"],
        &["keep_less"],
        ["x <= {k}", "x <= {k}", "x <= {k}"],
    ),
    row(
        "keep_even",
        Keep(|x, _| x % 2 == 0),
        NOTHING,
        &["keep the even numbers", "keep what is even", "drop the odd numbers"],
        &["keep_odd"],
        ["x % 2 == 0", "x % 2 === 0", "x % 2 == 0"],
    ),
    row(
        "keep_odd",
        Keep(|x, _| x % 2 != 0),
        NOTHING,
        &["keep the odd numbers", "keep what is odd", "drop the even numbers"],
        &["keep_even"],
        ["x % 2 == 1", "x % 2 !== 0", "x % 2 != 0"],
    ),
    row(
        "keep_multiples",
        Keep(|x, k| x % k == 0),
        DIVISORS,
        &["keep the multiples of {k}", "keep numbers divisible by {k}", "keep what {k} divides"],
        &["drop_multiples"],
        ["x % {k} == 0", "x % {k} === 0", "x % {k} == 0"],
    ),
    row(
        "drop_multiples",
        Keep(|x, k| x % k != 0),
        DIVISORS,
        &["drop the multiples of {k}", "drop numbers divisible by {k}", "keep what {k} does not divide"],
        &["keep_multiples"],
        ["x % {k} != 0", "x % {k} !== 0", "x % {k} != 0"],
    ),
    row(
        "keep_positive",
        Keep(|x, _| x > 0),
        NOTHING,
        &["keep the positive numbers", "drop zeros and negative numbers", "keep numbers above zero"],
        &["drop_negative", "keep_negative"],
        ["x > 0", "x > 0", "x > 0"],
    ),
    row(
        "drop_negative",
        Keep(|x, _| x >= 0),
        NOTHING,
        &["drop the negative numbers", "keep zeros and positive numbers", "drop numbers below zero"],
        &["keep_positive"],
        ["x >= 0", "x >= 0", "x >= 0"],
    ),
    row(
        "keep_negative",
        Keep(|x, _| x < 0),
        NOTHING,
        &["keep the negative numbers", "drop zeros and positive numbers", "keep numbers below zero"],
        &["keep_positive"],
        ["x < 0", "x < 0", "x < 0"],
    ),
    row(
        "drop_equal",
        Keep(|x, k| x != k),
        LIMITS,
        &["drop every {k}", "remove each {k}", "leave out the number {k}"],
        &["keep_less"],
        ["x != {k}", "x !== {k}", "x != {k}"],
    ),
    // Changing elements.
    row(
        "each_add",
        Each(|x, k| x + k),
        STEPS,
        &["add {k} to each", "increase every number by {k}", "raise each number by {k}"],
        &["each_subtract"],
        ["x + {k}", "x + {k}", "x + {k}"],
    ),
    row(
        "each_subtract",
        Each(|x, k| x - k),
        STEPS,
        &["subtract {k} from each", "decrease every number by {k}", "lower each number by {k}"],
        &["each_subtract_from", "each_add"],
        ["x - {k}", "x - {k}", "x - {k}"],
    ),
    row(
        "each_subtract_from",
        Each(|x, k| k - x),
        STEPS,
        &["subtract each from {k}", "replace each number by {k} minus it", "take every number away from {k}"],
        &["each_subtract"],
        ["{k} - x", "{k} - x", "{k} - x"],
    ),
    row(
        "each_multiply",
        Each(|x, k| x * k),
        FACTORS,
        &["multiply each by {k}", "scale every number by {k}", "take each number {k} times"],
        &["each_add"],
        ["x * {k}", "x * {k}", "x * {k}"],
    ),
    row(
        "each_square",
        Each(|x, _| x * x),
        NOTHING,
        &["square each", "multiply every number by itself", "replace each number by its square"],
        &["each_multiply"],
        ["x * x", "x * x", "x * x"],
    ),
    row(
        "each_negate",
        Each(|x, _| -x),
        NOTHING,
        &["negate each", "flip the sign of every number", "replace each number by its opposite"],
        &["each_absolute"],
        ["-x", "0 - x", "-x"],
    ),
    row(
        "each_absolute",
        Each(|x, _| x.abs()),
        NOTHING,
        &["take each absolute value", "drop the sign of every number", "make each number non-negative"],
        &["each_negate"],
        ["abs(x)", "Math.abs(x)", "x.abs()"],
    ),
    row(
        "each_remainder",
        Each(|x, k| x.rem_euclid(k)),
        FACTORS,
        &["take each modulo {k}", "replace each by its remainder by {k}", "keep each remainder after dividing by {k}"],
        &["each_quotient"],
        ["x % {k}", "((x % {k}) + {k}) % {k}", "x.rem_euclid({k})"],
    ),
    row(
        "each_quotient",
        Each(|x, k| x.div_euclid(k)),
        FACTORS,
        &["divide each by {k}, rounding down", "floor-divide every number by {k}", "take each quotient by {k}"],
        &["each_remainder"],
        ["x // {k}", "Math.floor(x / {k})", "x.div_euclid({k})"],
    ),
    row(
        "each_cap",
        Each(|x, k| x.min(k)),
        LIMITS,
        &["cap each at {k}", "limit every number to at most {k}", "lower anything above {k} to {k}"],
        &["each_floor"],
        ["min(x, {k})", "Math.min(x, {k})", "x.min({k})"],
    ),
    row(
        "each_floor",
        Each(|x, k| x.max(k)),
        LIMITS,
        &["make each at least {k}", "limit every number to {k} or more", "raise anything below {k} to {k}"],
        &["each_cap"],
        ["max(x, {k})", "Math.max(x, {k})", "x.max({k})"],
    ),
    // Changing the list as a whole.
    row(
        "reverse",
        Whole(|xs, _| xs.into_iter().rev().collect()),
        NOTHING,
        &["reverse the list", "put the numbers in reverse order", "turn the list around"],
        &["sort_down"],
        ["xs[::-1]", "[...xs].reverse()", "xs.into_iter().rev().collect()"],
    ),
    row(
        "sort_up",
        Whole(|mut xs, _| {
            xs.sort_unstable();
            xs
        }),
        NOTHING,
        &["sort the numbers", "sort from smallest to largest", "put the numbers in ascending order"],
        &["sort_down"],
        [
            "sorted(xs)",
            "[...xs].sort((a, b) => a - b)",
            "{\n        let mut sorted = xs;\n        sorted.sort();\n        sorted\n    }",
        ],
    ),
    row(
        "sort_down",
        Whole(|mut xs, _| {
            xs.sort_unstable_by_key(|&x| -x);
            xs
        }),
        NOTHING,
        &["sort in descending order", "sort from largest to smallest", "put the largest numbers first"],
        &["sort_up"],
        [
            "sorted(xs, reverse=True)",
            "[...xs].sort((a, b) => b - a)",
            "{\n        let mut sorted = xs;\n        sorted.sort_by(|a, b| b.cmp(a));\n        sorted\n    }",
        ],
    ),
    row(
        "unique",
        Whole(|xs, _| (0..xs.len()).filter(|&at| !xs[..at].contains(&xs[at])).map(|at| xs[at]).collect()),
        NOTHING,
        &["remove duplicates, keeping order", "keep the first of equal numbers", "drop repeated numbers"],
        &["sort_unique"],
        [
            "list(dict.fromkeys(xs))",
            "[...new Set(xs)]",
            "(0..xs.len()).filter(|&at| !xs[..at].contains(&xs[at])).map(|at| xs[at]).collect()",
        ],
    ),
    row(
        "sort_unique",
        Whole(|mut xs, _| {
            xs.sort_unstable();
            xs.dedup();
            xs
        }),
        NOTHING,
        &[
            "sort the distinct numbers",
            "remove duplicates and sort",
            "list each different number once, in order of size",
        ],
        &["unique", "sort_up"],
        [
            "sorted(set(xs))",
            "[...new Set(xs)].sort((a, b) => a - b)",
            "xs.into_iter().collect::<std::collections::BTreeSet<i64>>().into_iter().collect()",
        ],
    ),
    row(
        "first",
        Whole(|xs, k| xs.into_iter().take(k).collect()),
        COUNTS,
        &["keep the first {k}", "take {k} from the front", "cut the list after {k}"],
        &[],
        ["xs[:{k}]", "xs.slice(0, {k})", "xs.into_iter().take({k}).collect()"],
    ),
    row(
        "last",
        Whole(|xs, k| xs[xs.len().saturating_sub(k)..].to_vec()),
        COUNTS,
        &["keep the last {k}", "take {k} from the end", "keep the final {k} numbers"],
        &[],
        ["xs[-{k}:]", "xs.slice(-{k})", "xs[xs.len().saturating_sub({k})..].to_vec()"],
    ),
    row(
        "without_first",
        Whole(|xs, k| xs.into_iter().skip(k).collect()),
        COUNTS,
        &["drop the first {k}", "skip {k} at the front", "leave out the first {k}"],
        &["without_last"],
        ["xs[{k}:]", "xs.slice({k})", "xs.into_iter().skip({k}).collect()"],
    ),
    row(
        "without_last",
        Whole(|xs, k| xs[..xs.len().saturating_sub(k)].to_vec()),
        COUNTS,
        &["drop the last {k}", "cut {k} off the end", "leave out the last {k}"],
        &["without_first"],
        ["xs[:-{k}]", "xs.slice(0, -{k})", "xs[..xs.len().saturating_sub({k})].to_vec()"],
    ),
    row(
        "every_other",
        Whole(|xs, _| xs.into_iter().step_by(2).collect()),
        NOTHING,
        &[
            "keep every other number, from the first",
            "take the first, third, fifth and so on",
            "skip every second number",
        ],
        &["every_second"],
        ["xs[::2]", "xs.filter((_, at) => at % 2 === 0)", "xs.into_iter().step_by(2).collect()"],
    ),
    row(
        "every_second",
        Whole(|xs, _| xs.into_iter().skip(1).step_by(2).collect()),
        NOTHING,
        &[
            "keep every second number",
            "take the second, fourth, sixth and so on",
            "drop the first, third, fifth and so on",
        ],
        &["every_other"],
        ["xs[1::2]", "xs.filter((_, at) => at % 2 === 1)", "xs.into_iter().skip(1).step_by(2).collect()"],
    ),
    row(
        "running_sums",
        Whole(|xs, _| {
            xs.iter()
                .scan(0, |total, x| {
                    *total += x;
                    Some(*total)
                })
                .collect()
        }),
        NOTHING,
        &["take running totals", "replace each by the sum so far", "compute the cumulative sums"],
        &["neighbour_sums"],
        [
            "[sum(xs[:i + 1]) for i in range(len(xs))]",
            "xs.map((_, at) => xs.slice(0, at + 1).reduce((a, b) => a + b, 0))",
            "(0..xs.len()).map(|at| xs[..at + 1].iter().sum()).collect()",
        ],
    ),
    row(
        "differences",
        Whole(|xs, _| xs.windows(2).map(|pair| pair[1] - pair[0]).collect()),
        NOTHING,
        &["take the differences of neighbours", "subtract each from the next", "list the steps between numbers"],
        &["neighbour_sums"],
        [
            "[b - a for a, b in zip(xs, xs[1:])]",
            "xs.slice(1).map((b, at) => b - xs[at])",
            "xs.windows(2).map(|pair| pair[1] - pair[0]).collect()",
        ],
    ),
    row(
        "neighbour_sums",
        Whole(|xs, _| xs.windows(2).map(|pair| pair[0] + pair[1]).collect()),
        NOTHING,
        &["take the sums of neighbours", "add each to the next", "list the sums of adjacent numbers"],
        &["differences"],
        [
            "[a + b for a, b in zip(xs, xs[1:])]",
            "xs.slice(1).map((b, at) => xs[at] + b)",
            "xs.windows(2).map(|pair| pair[0] + pair[1]).collect()",
        ],
    ),
    row(
        "rotate_left",
        Whole(|mut xs, _| {
            let turns = xs.len().min(1);
            xs.rotate_left(turns);
            xs
        }),
        NOTHING,
        &["move the first to the end", "rotate left by one", "put the first number last"],
        &["rotate_right"],
        [
            "xs[1:] + xs[:1]",
            "[...xs.slice(1), ...xs.slice(0, 1)]",
            "xs.iter().skip(1).chain(xs.iter().take(1)).copied().collect()",
        ],
    ),
    row(
        "rotate_right",
        Whole(|mut xs, _| {
            let turns = xs.len().min(1);
            xs.rotate_right(turns);
            xs
        }),
        NOTHING,
        &["move the last to the front", "rotate right by one", "put the last number first"],
        &["rotate_left"],
        [
            "xs[-1:] + xs[:-1]",
            "[...xs.slice(-1), ...xs.slice(0, -1)]",
            "xs.last().into_iter().chain(xs.iter().take(xs.len().saturating_sub(1))).copied().collect()",
        ],
    ),
    // From a list to a number.
    row(
        "sum",
        Reduce(|xs, _| xs.iter().sum()),
        NOTHING,
        &["add them up", "return the sum", "give the total"],
        &["alternating_sum"],
        ["sum(xs)", "xs.reduce((a, b) => a + b, 0)", "xs.iter().sum()"],
    ),
    row(
        "alternating_sum",
        Reduce(|xs, _| xs.iter().enumerate().map(|(at, x)| if at % 2 == 0 { *x } else { -x }).sum()),
        NOTHING,
        &["return the alternating sum", "add and subtract in turn", "give first minus second plus third and so on"],
        &["sum"],
        [
            "sum(xs[::2]) - sum(xs[1::2])",
            "xs.reduce((total, x, at) => total + (at % 2 === 0 ? x : -x), 0)",
            "xs.iter().enumerate().map(|(at, x)| if at % 2 == 0 { *x } else { -x }).sum()",
        ],
    ),
    row(
        "sum_of_squares",
        Reduce(|xs, _| xs.iter().map(|x| x * x).sum()),
        NOTHING,
        &["return the sum of squares", "add up the squares", "give the total of all squares"],
        &["sum"],
        ["sum(x * x for x in xs)", "xs.reduce((total, x) => total + x * x, 0)", "xs.iter().map(|x| x * x).sum()"],
    ),
    row(
        "count",
        Reduce(|xs, _| xs.len() as i64),
        NOTHING,
        &["count them", "return how many there are", "give the length"],
        &["count_distinct"],
        ["len(xs)", "xs.length", "xs.len() as i64"],
    ),
    row(
        "count_distinct",
        Reduce(|xs, _| (0..xs.len()).filter(|&at| !xs[..at].contains(&xs[at])).count() as i64),
        NOTHING,
        &["count the distinct numbers", "return how many different ones there are", "give the number of unique ones"],
        &["count"],
        [
            "len(set(xs))",
            "new Set(xs).size",
            "xs.into_iter().collect::<std::collections::BTreeSet<i64>>().len() as i64",
        ],
    ),
    row(
        "largest",
        Reduce(|xs, _| xs.iter().copied().max().unwrap_or(0)),
        NOTHING,
        &["return the largest, or 0", "give the maximum, 0 if empty", "find the biggest (0 if none)"],
        &["smallest"],
        ["max(xs, default=0)", "xs.length ? Math.max(...xs) : 0", "xs.iter().copied().max().unwrap_or(0)"],
    ),
    row(
        "smallest",
        Reduce(|xs, _| xs.iter().copied().min().unwrap_or(0)),
        NOTHING,
        &["return the smallest, or 0", "give the minimum, 0 if empty", "find the least (0 if none)"],
        &["largest"],
        ["min(xs, default=0)", "xs.length ? Math.min(...xs) : 0", "xs.iter().copied().min().unwrap_or(0)"],
    ),
    row(
        "first_or_zero",
        Reduce(|xs, _| xs.first().copied().unwrap_or(0)),
        NOTHING,
        &["return the first, or 0", "give the one in front, 0 if empty", "pick the first (0 if none)"],
        &["last_or_zero"],
        ["xs[0] if xs else 0", "xs.length ? xs[0] : 0", "xs.first().copied().unwrap_or(0)"],
    ),
    row(
        "last_or_zero",
        Reduce(|xs, _| xs.last().copied().unwrap_or(0)),
        NOTHING,
        &["return the last, or 0", "give the one at the end, 0 if empty", "pick the last (0 if none)"],
        &["first_or_zero"],
        ["xs[-1] if xs else 0", "xs.length ? xs[xs.length - 1] : 0", "xs.last().copied().unwrap_or(0)"],
    ),
    row(
        "spread",
        Reduce(|xs, _| xs.iter().max().zip(xs.iter().min()).map_or(0, |(largest, smallest)| largest - smallest)),
        NOTHING,
        &["return largest minus smallest, or 0", "give the range, 0 if empty", "find the spread (0 if none)"],
        &["largest"],
        [
            "max(xs) - min(xs) if xs else 0",
            "xs.length ? Math.max(...xs) - Math.min(...xs) : 0",
            "xs.iter().max().unwrap_or(&0) - xs.iter().min().unwrap_or(&0)",
        ],
    ),
    row(
        "count_equal",
        Reduce(|xs, k| xs.iter().filter(|&&x| x == k).count() as i64),
        LIMITS,
        &["count how often {k} occurs", "return the number of {k}s", "give the count of {k}"],
        &["count"],
        ["xs.count({k})", "xs.filter((x) => x === {k}).length", "xs.iter().filter(|&&x| x == {k}).count() as i64"],
    ),
    // Numbers.
    row(
        "add",
        Number(|n, k| n + k),
        STEPS,
        &["add {k}", "increase it by {k}", "make it {k} larger"],
        &["subtract"],
        ["n + {k}", "n + {k}", "n + {k}"],
    ),
    row(
        "subtract",
        Number(|n, k| n - k),
        STEPS,
        &["subtract {k}", "decrease it by {k}", "make it {k} smaller"],
        &["subtract_from", "add"],
        ["n - {k}", "n - {k}", "n - {k}"],
    ),
    row(
        "subtract_from",
        Number(|n, k| k - n),
        STEPS,
        &["subtract it from {k}", "return {k} minus it", "take it away from {k}"],
        &["subtract"],
        ["{k} - n", "{k} - n", "{k} - n"],
    ),
    row(
        "multiply",
        Number(|n, k| n * k),
        FACTORS,
        &["multiply by {k}", "scale it by {k}", "take it {k} times"],
        &["add"],
        ["n * {k}", "n * {k}", "n * {k}"],
    ),
    row(
        "square",
        Number(|n, _| n * n),
        NOTHING,
        &["square it", "multiply it by itself", "take its square"],
        &["multiply"],
        ["n * n", "n * n", "n * n"],
    ),
    row(
        "negate",
        Number(|n, _| -n),
        NOTHING,
        &["negate it", "flip its sign", "take its opposite"],
        &["absolute"],
        ["-n", "0 - n", "-n"],
    ),
    row(
        "absolute",
        Number(|n, _| n.abs()),
        NOTHING,
        &["take its absolute value", "drop its sign", "make it non-negative"],
        &["negate"],
        ["abs(n)", "Math.abs(n)", "n.abs()"],
    ),
    row(
        "remainder",
        Number(|n, k| n.rem_euclid(k)),
        FACTORS,
        &["take it modulo {k}", "take the remainder by {k}", "return what is left after dividing by {k}"],
        &["quotient"],
        ["n % {k}", "((n % {k}) + {k}) % {k}", "n.rem_euclid({k})"],
    ),
    row(
        "quotient",
        Number(|n, k| n.div_euclid(k)),
        FACTORS,
        &["divide by {k}, rounding down", "floor-divide it by {k}", "take its quotient by {k}"],
        &["remainder"],
        ["n // {k}", "Math.floor(n / {k})", "n.div_euclid({k})"],
    ),
    row(
        "cap",
        Number(|n, k| n.min(k)),
        LIMITS,
        &["cap it at {k}", "limit it to at most {k}", "lower it to {k} if it is above"],
        &["floor"],
        ["min(n, {k})", "Math.min(n, {k})", "n.min({k})"],
    ),
    row(
        "floor",
        Number(|n, k| n.max(k)),
        LIMITS,
        &["make it at least {k}", "limit it to {k} or more", "raise it to {k} if it is below"],
        &["cap"],
        ["max(n, {k})", "Math.max(n, {k})", "n.max({k})"],
    ),
    row(
        "digit_sum",
        Number(|n, _| digits(n).map(i64::from).sum()),
        NOTHING,
        &["add up its digits", "return its digit sum", "give the total of its digits"],
        &["digit_count"],
        [
            "sum(int(d) for d in str(abs(n)))",
            "[...String(Math.abs(n))].reduce((total, d) => total + Number(d), 0)",
            "n.abs().to_string().bytes().map(|d| i64::from(d - b'0')).sum()",
        ],
    ),
    row(
        "digit_count",
        Number(|n, _| digits(n).count() as i64),
        NOTHING,
        &["count its digits", "return how many digits it has", "give the number of digits"],
        &["digit_sum"],
        ["len(str(abs(n)))", "String(Math.abs(n)).length", "n.abs().to_string().len() as i64"],
    ),
    row(
        "halve_even",
        Number(|n, _| if n % 2 == 0 { n / 2 } else { n }),
        NOTHING,
        &["halve it if it is even", "divide an even number by two", "if even, take half"],
        &["square"],
        ["n // 2 if n % 2 == 0 else n", "n % 2 === 0 ? n / 2 : n", "if n % 2 == 0 { n / 2 } else { n }"],
    ),
    // Texts.
    row(
        "upper",
        Text(|s, _| s.to_ascii_uppercase()),
        NOTHING,
        &["make it upper case", "convert to capitals", "uppercase every letter"],
        &["swap_case"],
        ["s.upper()", "s.toUpperCase()", "s.to_uppercase()"],
    ),
    row(
        "lower",
        Text(|s, _| s.to_ascii_lowercase()),
        NOTHING,
        &["make it lower case", "convert to small letters", "lowercase every letter"],
        &["swap_case"],
        ["s.lower()", "s.toLowerCase()", "s.to_lowercase()"],
    ),
    row(
        "swap_case",
        Text(|s, _| {
            s.chars()
                .map(|c| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
                .collect()
        }),
        NOTHING,
        &["swap the case", "flip upper and lower case", "exchange capitals and small letters"],
        &["upper", "lower"],
        [
            "s.swapcase()",
            "[...s].map((c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())).join(\"\")",
            "s.chars()\n        \
             .map(|c| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })\n        \
             .collect()",
        ],
    ),
    row(
        "reverse_text",
        Text(|s, _| s.chars().rev().collect()),
        NOTHING,
        &["reverse the text", "write it backwards", "turn the letters around"],
        &["reverse_words"],
        ["s[::-1]", "[...s].reverse().join(\"\")", "s.chars().rev().collect()"],
    ),
    row(
        "reverse_words",
        Text(|s, _| s.split_whitespace().rev().collect::<Vec<_>>().join(" ")),
        NOTHING,
        &["reverse the order of words", "put the words in reverse order", "list the last word first"],
        &["reverse_text"],
        [
            "\" \".join(s.split()[::-1])",
            "s.split(\" \").filter((w) => w).reverse().join(\" \")",
            "s.split_whitespace().rev().collect::<Vec<&str>>().join(\" \")",
        ],
    ),
    row(
        "sort_words",
        Text(|s, _| {
            let mut words: Vec<&str> = s.split_whitespace().collect();
            words.sort_unstable();
            words.join(" ")
        }),
        NOTHING,
        &["sort the words", "put the words in alphabetical order", "order the words from a to z"],
        &["reverse_words"],
        [
            "\" \".join(sorted(s.split()))",
            "s.split(\" \").filter((w) => w).sort().join(\" \")",
            "{\n        let mut words: Vec<&str> = s.split_whitespace().collect();\n        words.sort();\n        \
             words.join(\" \")\n    }",
        ],
    ),
    row(
        "first_word",
        Text(|s, _| s.split(' ').next().unwrap_or_default().to_owned()),
        NOTHING,
        &["keep the first word", "cut it at the first space", "take what is before the first space"],
        &["last_word"],
        ["s.split(\" \")[0]", "s.split(\" \")[0]", "s.split(' ').next().unwrap().to_string()"],
    ),
    row(
        "last_word",
        Text(|s, _| s.split(' ').next_back().unwrap_or_default().to_owned()),
        NOTHING,
        &["keep the last word", "take what is after the last space", "drop all up to the last space"],
        &["first_word"],
        ["s.split(\" \")[-1]", "s.split(\" \").pop()", "s.split(' ').last().unwrap().to_string()"],
    ),
    row(
        "initials",
        Text(|s, _| s.split_whitespace().filter_map(|word| word.chars().next()).collect()),
        NOTHING,
        &["join the first letters of the words", "take the initials", "keep the first letter of each word"],
        &["first_word"],
        [
            "\"\".join(w[0] for w in s.split())",
            "s.split(\" \").filter((w) => w).map((w) => w[0]).join(\"\")",
            "s.split_whitespace().map(|w| &w[..1]).collect()",
        ],
    ),
    row(
        "remove_vowels",
        Text(|s, _| s.chars().filter(|&c| !is_vowel(c)).collect()),
        NOTHING,
        &["remove the vowels", "drop all vowels", "delete a, e, i, o and u"],
        &["keep_vowels"],
        [
            "\"\".join(c for c in s if c not in \"aeiouAEIOU\")",
            "[...s].filter((c) => !\"aeiouAEIOU\".includes(c)).join(\"\")",
            "s.chars().filter(|&c| !\"aeiouAEIOU\".contains(c)).collect()",
        ],
    ),
    row(
        "keep_vowels",
        Text(|s, _| s.chars().filter(|&c| is_vowel(c)).collect()),
        NOTHING,
        &["keep only the vowels", "drop all but the vowels", "keep a, e, i, o and u"],
        &["remove_vowels"],
        [
            "\"\".join(c for c in s if c in \"aeiouAEIOU\")",
            "[...s].filter((c) => \"aeiouAEIOU\".includes(c)).join(\"\")",
            "s.chars().filter(|&c| \"aeiouAEIOU\".contains(c)).collect()",
        ],
    ),
    row(
        "remove_letter",
        Text(|s, k| s.replace(k.letters().0, "")),
        LETTERS,
        &["remove every {a}", "delete the letter {a}", "leave out each {a}"],
        &["remove_vowels"],
        ["s.replace(\"{a}\", \"\")", "s.replaceAll(\"{a}\", \"\")", "s.replace(\"{a}\", \"\")"],
    ),
    row(
        "replace_letter",
        Text(|s, k| {
            let (a, b) = k.letters();
            s.chars().map(|c| if c == a { b } else { c }).collect()
        }),
        PAIRS,
        &["replace {a} by {b}", "change every {a} to {b}", "write {b} for each {a}"],
        &["remove_letter"],
        ["s.replace(\"{a}\", \"{b}\")", "s.replaceAll(\"{a}\", \"{b}\")", "s.replace(\"{a}\", \"{b}\")"],
    ),
    row(
        "remove_spaces",
        Text(|s, _| s.replace(' ', "")),
        NOTHING,
        &["remove the spaces", "delete all blanks", "join the words without spaces"],
        &["strip"],
        ["s.replace(\" \", \"\")", "s.replaceAll(\" \", \"\")", "s.replace(\" \", \"\")"],
    ),
    row(
        "strip",
        Text(|s, _| s.trim().to_owned()),
        NOTHING,
        &["strip outer spaces", "trim it at both ends", "remove spaces at start and end"],
        &["remove_spaces"],
        ["s.strip()", "s.trim()", "s.trim().to_string()"],
    ),
    row(
        "repeat",
        Text(|s, k| s.repeat(k.count())),
        Constants::Numbers(&[2, 3]),
        &["repeat it {k} times", "write it {k} times in a row", "join {k} copies"],
        &[],
        ["s * {k}", "s.repeat({k})", "s.repeat({k})"],
    ),
    row(
        "mirror",
        Text(|s, _| s.chars().chain(s.chars().rev()).collect()),
        NOTHING,
        &["append its reverse", "add it backwards at the end", "mirror it at its end"],
        &["reverse_text"],
        ["s + s[::-1]", "s + [...s].reverse().join(\"\")", "s.chars().chain(s.chars().rev()).collect()"],
    ),
    row(
        "first_letters",
        Text(|s, k| s.chars().take(k.count()).collect()),
        COUNTS,
        &["keep the first {k} characters", "cut it after {k} characters", "take {k} characters from the front"],
        &[],
        ["s[:{k}]", "s.slice(0, {k})", "s.chars().take({k}).collect()"],
    ),
    row(
        "last_letters",
        Text(|s, k| s[s.len().saturating_sub(k.count())..].to_owned()),
        COUNTS,
        &["keep the last {k} characters", "keep the final {k} characters", "take {k} characters from the end"],
        &[],
        ["s[-{k}:]", "s.slice(-{k})", "s[s.len().saturating_sub({k})..].to_string()"],
    ),
    row(
        "without_first_letters",
        Text(|s, k| s.chars().skip(k.count()).collect()),
        COUNTS,
        &["drop the first {k} characters", "skip {k} characters at the front", "cut {k} characters off the start"],
        &[],
        ["s[{k}:]", "s.slice({k})", "s.chars().skip({k}).collect()"],
    ),
    row(
        "every_other_letter",
        Text(|s, _| s.chars().step_by(2).collect()),
        NOTHING,
        &["keep every other character", "take characters one, three, five and so on", "skip every second character"],
        &["reverse_text"],
        ["s[::2]", "[...s].filter((_, at) => at % 2 === 0).join(\"\")", "s.chars().step_by(2).collect()"],
    ),
    // From a text to a number.
    row(
        "length",
        Measure(|s, _| s.len() as i64),
        NOTHING,
        &["return the length", "count the characters", "give how long it is"],
        &["count_words"],
        ["len(s)", "s.length", "s.len() as i64"],
    ),
    row(
        "count_letter",
        Measure(|s, k| s.matches(k.letters().0).count() as i64),
        LETTERS,
        &["count the letter {a}", "return how often {a} occurs", "give the number of {a}s"],
        &["count_vowels"],
        ["s.count(\"{a}\")", "s.split(\"{a}\").length - 1", "s.matches(\"{a}\").count() as i64"],
    ),
    row(
        "count_vowels",
        Measure(|s, _| s.chars().filter(|&c| is_vowel(c)).count() as i64),
        NOTHING,
        &["count the vowels", "return how many vowels it has", "give the number of vowels"],
        &["length"],
        [
            "sum(c in \"aeiouAEIOU\" for c in s)",
            "[...s].filter((c) => \"aeiouAEIOU\".includes(c)).length",
            "s.chars().filter(|&c| \"aeiouAEIOU\".contains(c)).count() as i64",
        ],
    ),
    row(
        "count_words",
        Measure(|s, _| s.split_whitespace().count() as i64),
        NOTHING,
        &["count the words", "return how many words it has", "give the number of words"],
        &["length"],
        ["len(s.split())", "s.split(\" \").filter((w) => w).length", "s.split_whitespace().count() as i64"],
    ),
    row(
        "count_capitals",
        Measure(|s, _| s.chars().filter(char::is_ascii_uppercase).count() as i64),
        NOTHING,
        &["count the capitals", "return how many upper-case letters it has", "give the number of capitals"],
        &["length"],
        [
            "sum(c.isupper() for c in s)",
            "[...s].filter((c) => c >= \"A\" && c <= \"Z\").length",
            "s.chars().filter(|c| c.is_ascii_uppercase()).count() as i64",
        ],
    ),
    row(
        "count_distinct_letters",
        Measure(|s, _| s.char_indices().filter(|&(at, c)| !s[..at].contains(c)).count() as i64),
        NOTHING,
        &[
            "count the distinct characters",
            "return how many different characters it has",
            "give the number of unique characters",
        ],
        &["length"],
        ["len(set(s))", "new Set(s).size", "s.chars().collect::<std::collections::BTreeSet<char>>().len() as i64"],
    ),
];

fn digits(n: i64) -> impl Iterator<Item = u8> {
    n.unsigned_abs().to_string().into_bytes().into_iter().map(|digit| digit - b'0')
}
