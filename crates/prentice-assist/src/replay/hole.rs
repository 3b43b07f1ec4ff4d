//! A hole in a line, filled from predictions of the whole rest of the line.
//!
//! The search knows nothing of what follows the hole; of the lines that it finds, those are taken that agree with it.

use prentice_index::copying::pieces;

/// What "none of the lines" is worth once some of them end as the line does: a line that was not found ends so by chance
/// only. Chosen on the histories of volcengine/verl and THUDM/slime, which are not examined on; of 0.1 to 1, the stated
/// confidence came out closest with this.
const NONE_AGREES: f32 = 0.1;
/// Confidence where no line ends as the line does: about one in twenty was right there, whatever its line had stated.
const NONE_FOUND: f32 = 0.05;

/// What a hole before `rest` is filled with, and how sure that is. `lines` are rests of the line with their confidence,
/// best first, without the part before the hole.
///
/// 1. Lines that end with `rest` agree: the first decides. Its confidence is its share of what they have together; what
///    belongs to none of the lines counts for [`NONE_AGREES`].
/// 2. Else the first line that has `rest` further on, beginning with a symbol, is cut there.
/// 3. Else the best line is cut before the first symbol of `rest`, or is taken whole where it has none.
pub fn fill<'a>(lines: &[(&'a str, f32)], rest: &str) -> (&'a str, f32) {
    let agreeing: Vec<(&str, f32)> =
        lines.iter().filter_map(|(line, sure)| Some((middle(line, rest)?, *sure))).collect();
    if let Some((best, _)) = agreeing.first() {
        let none = NONE_AGREES * (1.0 - lines.iter().map(|(_, sure)| sure).sum::<f32>()).max(0.0);
        let all: f32 = agreeing.iter().map(|(_, sure)| sure).sum();
        let same: f32 = agreeing.iter().filter(|(text, _)| text == best).map(|(_, sure)| sure).sum();
        return (best, same / (all + none).max(f32::MIN_POSITIVE));
    }
    let Some((first, _)) = lines.first() else { return ("", 0.0) };
    let symbol = pieces(rest).next().map_or(rest, |piece| &rest[..piece.end]);
    let cut = lines.iter().find_map(|(line, _)| before(line, rest)).or_else(|| before(first, symbol));
    (cut.unwrap_or(first), NONE_FOUND)
}

/// What a line has before `rest`, where it ends with that; a hole is never empty.
pub fn middle<'a>(line: &'a str, rest: &str) -> Option<&'a str> {
    line.trim_end().strip_suffix(rest).filter(|middle| !middle.is_empty())
}

/// What stands before the first place where a symbol, or the space before it, begins with `text`.
fn before<'a>(line: &'a str, text: &str) -> Option<&'a str> {
    let spaced = usize::from(text.starts_with(' '));
    let mut places = pieces(line).map(|piece| if piece.space { piece.start - spaced } else { piece.start });
    places.find(|at| *at > 0 && line[*at..].starts_with(text)).map(|at| &line[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_by_what_agrees() {
        for (lines, rest, filled) in [
            // Ends with the rest, though another is likelier.
            (&[("first(a);", 0.6), ("second(a)?;", 0.3)][..], "?;", ("second(a)", 0.3 / 0.31)),
            // Inside a word.
            (&[("es_read();", 0.5), ("es_written();", 0.25)], "ritten();", ("es_w", 0.25 / 0.275)),
            // Two lines agree on the same middle; what is not said belongs to none of the lines.
            (&[("a)", 0.25), ("a)", 0.25), ("b)", 0.25)], ")", ("a", 0.5 / 0.775)),
            // The rest stands further on.
            (&[("x, y)", 0.4), ("x) { z", 0.2)], ") {", ("x", 0.05)),
            (&[("x, y), z", 0.4)], ")", ("x, y", 0.05)),
            (&[("one + two + three", 0.5)], " + two", ("one", 0.05)),
            // Cut before the first symbol of the rest only.
            (&[("count: usize, name: String)", 0.4)], ", flag: bool)", ("count: usize", 0.05)),
            // Nothing fits: the whole line.
            (&[("alpha", 0.4)], ")", ("alpha", 0.05)),
            // A hole is not empty.
            (&[(")", 0.9), ("a)", 0.1)], ")", ("a", 1.0)),
            (&[], ")", ("", 0.0)),
        ] {
            let (text, sure) = fill(lines, rest);
            assert_eq!(text, filled.0, "{lines:?} before {rest:?}");
            assert!((sure - filled.1).abs() < 1e-6, "{lines:?} before {rest:?}: {sure}");
        }
    }
}
