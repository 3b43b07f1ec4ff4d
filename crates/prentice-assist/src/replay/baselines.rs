//! What needs no model: copying the nearest line, and the most frequent identifier.

use std::collections::BTreeMap;

use prentice_base::words::is_word;
use prentice_index::copying::pieces;

use super::hole;

/// Lines above the cursor that are looked at.
const REACH: usize = 1000;

/// The rest of the nearest line above that continues `before`: the one that has the longest end of it, cut at symbols.
/// Where nothing was typed: what followed the nearest line that equals the one above, else the line above again.
pub fn copy_nearest<'a>(above: &[&'a str], before: &str) -> &'a str {
    let full: Vec<&str> =
        above.iter().rev().map(|line| line.trim()).filter(|line| !line.is_empty()).take(REACH).collect();
    if before.is_empty() {
        let Some((last, earlier)) = full.split_first() else { return "" };
        return earlier.iter().position(|line| line == last).map_or(last, |index| full[index]);
    }
    if let Some(rest) = full.iter().find_map(|line| line.strip_prefix(before)) {
        return rest;
    }
    let ends = pieces(before).map(|piece| &before[piece.start..]);
    let found = |end: &str| full.iter().find_map(|line| line.split_once(end).map(|(_, rest)| rest));
    ends.into_iter().find_map(found).unwrap_or_default()
}

/// The same in a hole before `rest`.
pub fn copy_nearest_before<'a>(above: &[&'a str], before: &str, rest: &str) -> &'a str {
    let lines = above.iter().rev().take(REACH).map(|line| line.trim());
    let fits = lines.filter_map(|line| hole::middle(line.strip_prefix(before)?, rest)).next();
    fits.unwrap_or_else(|| hole::fill(&[(copy_nearest(above, before), 1.0)], rest).0)
}

/// The rest of the most frequent identifier above that goes on from the word at the cursor; the first one by name where
/// several are.
pub fn frequent_identifier<'a>(above: &[&'a str], before: &str) -> &'a str {
    let typed = &before[before.trim_end_matches(is_word).len()..];
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in above.iter().rev().take(REACH) {
        for piece in pieces(line) {
            let word = line[piece.start..piece.end].trim_start();
            if word.len() > typed.len()
                && word.starts_with(typed)
                && word.starts_with(|c: char| c.is_alphabetic() || c == '_')
            {
                *counts.entry(word).or_default() += 1;
            }
        }
    }
    let best = counts.into_iter().rev().max_by_key(|(_, count)| *count);
    best.map_or("", |(word, _)| &word[typed.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOVE: &[&str] =
        &["fn first(a: u32) {", "    let x = read(a);", "", "    let y = read(b)?;", "fn second() {", ""];

    #[test]
    fn the_nearest_line_is_copied() {
        for (above, before, copied) in [
            (ABOVE, "let y = ", "read(b)?;"),
            (ABOVE, "let ", "y = read(b)?;"),
            // No line begins so: the longest end that stands somewhere.
            (ABOVE, "let z = read(a", ");"),
            (ABOVE, "return read(", "b)?;"),
            (ABOVE, "loop", ""),
            // Nothing typed: the line above again, or what followed its equal.
            (ABOVE, "", "fn second() {"),
            (&["a", "b", "c", "a"], "", "b"),
            (&[], "", ""),
        ] {
            assert_eq!(copy_nearest(above, before), copied, "{before:?}");
        }
        assert_eq!(copy_nearest_before(ABOVE, "let x = ", "(a);"), "read");
        assert_eq!(copy_nearest_before(ABOVE, "let z = ", ")?;"), "read(b");
        assert_eq!(copy_nearest_before(ABOVE, "return read", ";"), "(b)?");
    }

    #[test]
    fn the_most_frequent_identifier_goes_on_from_the_word() {
        for (before, rest) in [("let q = r", "ead"), ("le", "t"), ("self.", "a"), ("zz", ""), ("read", "")] {
            assert_eq!(frequent_identifier(ABOVE, before), rest, "{before:?}");
        }
    }
}
