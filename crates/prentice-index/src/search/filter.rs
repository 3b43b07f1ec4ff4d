//! Which chunks can match a regular expression at all, by the runs that any match must touch.
//!
//! Cox ("Regular Expression Matching with a Trigram Index", 2012) turns an expression into a formula over the trigrams of
//! its literals. Here the formula is over runs ([`super::words`]), which cost no index of their own: in `foo(bar` the
//! word `foo` ends where it does and the marks are `(` and nothing else, so a chunk must have a word that ends with
//! `foo`, exactly the marks `(`, and a word that begins with `bar`. Words that end with something are found by a scan of
//! the distinct words. Case is ignored here and decided on the text.
//!
//! *Not covered:* a run of one character at the edge of a literal, character classes of several characters, and
//! alternations of more than [`BRANCHES`] filter nothing out.

use regex_syntax::hir::{Class as HirClass, Hir, HirKind};

use super::{
    segment::{Postings, TextSegment},
    words::{self, Class},
};

/// More alternatives are not looked up.
const BRANCHES: usize = 64;

/// What a chunk must have, so that it can match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    /// Nothing.
    All,
    /// A run that contains, begins with, ends with or is `text`, which has no case.
    Run { class: Class, text: String, open_left: bool, open_right: bool },
    /// Everything in a list.
    And(Vec<Filter>),
    /// Something in a list.
    Or(Vec<Filter>),
}

impl Filter {
    /// The filter of an expression.
    pub(super) fn new(hir: &Hir) -> Self {
        piece(hir).into_filter()
    }

    /// The words in it.
    pub(super) fn words(&self) -> Vec<&str> {
        match self {
            Filter::Run { class: Class::Word, text, .. } => vec![text],
            Filter::All | Filter::Run { .. } => Vec::new(),
            Filter::And(filters) | Filter::Or(filters) => filters.iter().flat_map(Filter::words).collect(),
        }
    }

    /// Takes chunks that cannot match out of `mask`, which has an entry for each chunk of the segment.
    pub(super) fn apply(&self, segment: &TextSegment, mask: &mut [bool]) {
        if let Some(possible) = self.plan(segment).chunks(segment.chunks()) {
            mask.iter_mut().zip(possible).for_each(|(may, can)| *may &= can);
        }
    }

    fn plan<'a>(&self, segment: &'a TextSegment) -> Plan<'a> {
        match self {
            Filter::All => Plan::All,
            Filter::And(filters) => Plan::And(filters.iter().map(|filter| filter.plan(segment)).collect()),
            Filter::Or(filters) => Plan::Or(filters.iter().map(|filter| filter.plan(segment)).collect()),
            Filter::Run { class, text, open_left, open_right } => {
                let terms = segment.terms();
                let mut found = if *open_left || *open_right {
                    let left = if *open_left { "" } else { "\n" };
                    let right = if *open_right { "" } else { "\n" };
                    terms.containing(format!("{left}{text}{right}").as_bytes())
                } else {
                    terms.find(text.as_bytes()).into_iter().collect()
                };
                found.extend(terms.find(class.overlong().as_bytes()));
                Plan::Lists(found.into_iter().map(|term| segment.postings(term)).collect())
            }
        }
    }
}

/// A filter with the posting lists of a segment.
enum Plan<'a> {
    All,
    Lists(Vec<Postings<'a>>),
    And(Vec<Plan<'a>>),
    Or(Vec<Plan<'a>>),
}

impl Plan<'_> {
    fn cost(&self) -> usize {
        match self {
            Plan::All => usize::MAX,
            Plan::Lists(lists) => lists.iter().map(Postings::cost).sum(),
            Plan::And(plans) => plans.iter().map(Plan::cost).min().unwrap_or(usize::MAX),
            Plan::Or(plans) => plans.iter().map(Plan::cost).fold(0, usize::saturating_add),
        }
    }

    /// The chunks that can match; none where all can.
    fn chunks(&self, chunks: u32) -> Option<Vec<bool>> {
        match self {
            Plan::All => None,
            Plan::Lists(lists) => {
                let mut mask = vec![false; chunks as usize];
                lists.iter().flat_map(|&list| list).for_each(|(chunk, _)| mask[chunk as usize] = true);
                Some(mask)
            }
            Plan::Or(plans) => {
                let mut mask = vec![false; chunks as usize];
                for plan in plans {
                    mask.iter_mut().zip(plan.chunks(chunks)?).for_each(|(may, can)| *may |= can);
                }
                Some(mask)
            }
            Plan::And(plans) => {
                let mut plans: Vec<(usize, &Plan)> = plans.iter().map(|plan| (plan.cost(), plan)).collect();
                plans.sort_by_key(|(cost, _)| *cost);
                let mut mask: Option<Vec<bool>> = None;
                for (cost, plan) in plans {
                    // Looking at a text costs as much as going through a few hundred postings.
                    let left = mask.as_ref().map(|mask| mask.iter().filter(|may| **may).count());
                    if left.is_some_and(|left| cost / 256 > left) {
                        break;
                    }
                    let Some(possible) = plan.chunks(chunks) else { continue };
                    match &mut mask {
                        Some(mask) => mask.iter_mut().zip(possible).for_each(|(may, can)| *may &= can),
                        None => mask = Some(possible),
                    }
                }
                mask
            }
        }
    }
}

/// A part of an expression: one certain string without its case, or something with a filter.
enum Piece {
    Exact(String),
    Filtered(Filter),
}

impl Piece {
    fn into_filter(self) -> Filter {
        match self {
            Piece::Exact(text) => literal(&text),
            Piece::Filtered(filter) => filter,
        }
    }
}

fn piece(hir: &Hir) -> Piece {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Piece::Exact(String::new()),
        HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
            Ok(text) => Piece::Exact(words::fold(text).into_owned()),
            Err(_) => Piece::Filtered(Filter::All),
        },
        HirKind::Class(class) => one_character(class).map_or(Piece::Filtered(Filter::All), Piece::Exact),
        HirKind::Capture(capture) => piece(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min == 0 => Piece::Filtered(Filter::All),
        HirKind::Repetition(repetition) => Piece::Filtered(piece(&repetition.sub).into_filter()),
        HirKind::Alternation(branches) if branches.len() > BRANCHES => Piece::Filtered(Filter::All),
        HirKind::Alternation(branches) => {
            let branches: Vec<Filter> = branches.iter().map(|branch| piece(branch).into_filter()).collect();
            Piece::Filtered(if branches.contains(&Filter::All) { Filter::All } else { Filter::Or(branches) })
        }
        HirKind::Concat(pieces) => {
            let mut exact = String::new();
            let mut filters = Vec::new();
            for part in pieces {
                match piece(part) {
                    Piece::Exact(text) => exact.push_str(&text),
                    Piece::Filtered(filter) => {
                        filters.push(literal(&std::mem::take(&mut exact)));
                        filters.push(filter);
                    }
                }
            }
            if filters.is_empty() {
                return Piece::Exact(exact);
            }
            filters.push(literal(&exact));
            Piece::Filtered(all_of(filters))
        }
    }
}

/// The character that all of a class are without their case: `[Ff]` is `f`.
fn one_character(class: &HirClass) -> Option<String> {
    let HirClass::Unicode(class) = class else { return None };
    let mut folded = class
        .ranges()
        .iter()
        // A letter has at most three forms; a wide range is no letter, and not gone through.
        .flat_map(|range| (range.start()..=range.end()).take(4))
        .map(words::fold_char);
    let first = folded.next()?;
    folded.all(|other| other == first).then(|| first.to_string())
}

fn literal(text: &str) -> Filter {
    let runs = words::runs(text).filter_map(|(class, range)| {
        let (open_left, open_right) = (range.start == 0, range.end == text.len());
        let run = &text[range];
        let says_little = (open_left || open_right) && run.chars().nth(1).is_none();
        (!says_little).then(|| Filter::Run { class, text: run.to_owned(), open_left, open_right })
    });
    all_of(runs.collect())
}

fn all_of(mut filters: Vec<Filter>) -> Filter {
    filters.retain(|filter| *filter != Filter::All);
    match filters.len() {
        0 => Filter::All,
        1 => filters.remove(0),
        _ => Filter::And(filters),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn show(filter: &Filter) -> String {
        let list = |filters: &[Filter], with: &str| filters.iter().map(show).collect::<Vec<_>>().join(with);
        match filter {
            Filter::All => "*".to_owned(),
            Filter::And(filters) => format!("({})", list(filters, " and ")),
            Filter::Or(filters) => format!("({})", list(filters, " or ")),
            Filter::Run { text, open_left, open_right, .. } => {
                format!("{}{text}{}", if *open_left { "…" } else { "" }, if *open_right { "…" } else { "" })
            }
        }
    }

    fn check(pattern: &str, expected: Expect) {
        expected.assert_eq(&show(&Filter::new(&regex_syntax::parse(pattern).unwrap())));
    }

    #[test]
    fn expressions_say_what_a_match_must_touch() {
        check("parse", expect!["…parse…"]);
        check(r"fn Parse_config\(x", expect!["(…fn and parse_config and ()"]);
        check(r" a = b ", expect!["(a and = and b)"]);
        check(r"x\.(foo|bar)::baz", expect!["((…foo… or …bar…) and (…:: and baz…))"]);
        check("(?i)Session", expect!["…session…"]);
        check("(?i)kelvin", expect!["…kelvin…"]);
        check(r"colou?r \w+ends", expect!["(…colo… and …ends…)"]);
        check(r"(abc)+def", expect!["(…abc… and …def…)"]);
        check(r"foo[0-9]+bar.*", expect!["(…foo… and …bar…)"]);
        check(r"[0-9]{4}", expect!["*"]);
        check(r"a|foo", expect!["*"]);
        check(r"^\s*foo$", expect!["…foo…"]);
        check("", expect!["*"]);
    }
}
