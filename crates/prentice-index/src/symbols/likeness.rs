//! How much a name is like what somebody typed to find it.
//!
//! Names that are the text come first, then those that begin with it, then those that have its characters in order, as
//! editors search: matches at the beginnings of words and in a row count, gaps cost. The best alignment is found by the
//! dynamic programme of fzy (Hawthorn 2014), a local alignment with affine bonuses; the weights are ours.

/// How unlike names may be that are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// Names that begin with the text, in any case.
    Prefix,
    /// Names that have the characters of the text in this order, in any case.
    Subsequence,
}

const SAME: i32 = 40_000;
const SAME_BUT_CASE: i32 = 30_000;
const PREFIX: i32 = 20_000;
const PREFIX_BUT_CASE: i32 = 10_000;

const MATCH: i32 = 16;
const IN_A_ROW: i32 = 8;
const WORD_START: i32 = 8;
const NAME_START: i32 = 12;
const SAME_CASE: i32 = 1;
const GAP: i32 = 1;

/// More of a name, and of what is typed, is not aligned.
const ALIGNED: usize = 96;

/// How much `name` is like `typed`, more for more; none where it is not like it at all. Case is that of ASCII.
pub(super) fn likeness(typed: &[u8], name: &[u8], least: Likeness) -> Option<i32> {
    if let Some(beginning) = name.get(..typed.len()).filter(|beginning| beginning.eq_ignore_ascii_case(typed)) {
        // Shorter names are more like it.
        let longer = (name.len() - typed.len()).min(1000) as i32;
        return Some(match (beginning == typed, longer) {
            (true, 0) => SAME,
            (false, 0) => SAME_BUT_CASE,
            (true, _) => PREFIX - longer,
            (false, _) => PREFIX_BUT_CASE - longer,
        });
    }
    if least == Likeness::Prefix {
        return None;
    }
    let name = &name[..name.len().min(ALIGNED)];
    let mut rest = name.iter();
    let is_subsequence = typed.iter().all(|typed| rest.any(|character| character.eq_ignore_ascii_case(typed)));
    (is_subsequence && typed.len() <= ALIGNED).then(|| align(typed, name))
}

/// The score of the best alignment of `typed`, which is a subsequence of `name`.
fn align(typed: &[u8], name: &[u8]) -> i32 {
    const NEVER: i32 = i32::MIN / 2;
    let bonus = |at: usize| match at {
        0 => NAME_START,
        _ => {
            let (before, here) = (name[at - 1], name[at]);
            let starts = !before.is_ascii_alphanumeric() && here.is_ascii_alphanumeric()
                || here.is_ascii_uppercase() && !before.is_ascii_uppercase()
                || here.is_ascii_digit() && !before.is_ascii_digit();
            if starts { WORD_START } else { 0 }
        }
    };
    // For the characters typed so far: the best score with the last one at a place, and at or before it.
    let (mut ending, mut best) = ([NEVER; ALIGNED], [NEVER; ALIGNED]);
    for (number, typed) in typed.iter().enumerate() {
        let (before_ending, before_best) = (ending, best);
        let mut so_far = NEVER;
        for (at, character) in name.iter().enumerate() {
            ending[at] = NEVER;
            if character.eq_ignore_ascii_case(typed) {
                let before = match (number, at) {
                    (0, _) => -GAP * at as i32,
                    (_, 0) => NEVER,
                    _ => before_best[at - 1].max(before_ending[at - 1] + IN_A_ROW),
                };
                let case = if character == typed { SAME_CASE } else { 0 };
                ending[at] = (before + MATCH + bonus(at) + case).max(NEVER);
            }
            so_far = ending[at].max(so_far - GAP).max(NEVER);
            best[at] = so_far;
        }
    }
    best[name.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_alike_comes_first() {
        for (typed, names) in [
            ("config", &["config", "Config", "configure", "ConfigFile", "load_config", "reconfigure"][..]),
            ("lc", &["lc", "lcm", "load_config", "LoadConfig", "alpha_control", "malice"]),
            ("lacon", &["load_app_config", "malacotton"]),
            ("gsym", &["get_symbol", "gather_syntax_mode", "bigsystem"]),
        ] {
            let mut sorted = names.to_vec();
            sorted.sort_by_key(|name| {
                std::cmp::Reverse(likeness(typed.as_bytes(), name.as_bytes(), Likeness::Subsequence).expect(name))
            });
            assert_eq!(sorted, names, "{typed}");
        }
    }

    #[test]
    fn what_is_not_alike_is_not_found() {
        for (typed, name, least) in [
            ("abc", "acb", Likeness::Subsequence),
            ("abc", "ab", Likeness::Subsequence),
            ("onf", "config", Likeness::Prefix),
            ("a", "", Likeness::Subsequence),
        ] {
            assert_eq!(likeness(typed.as_bytes(), name.as_bytes(), least), None, "{typed} {name}");
        }
        assert!(likeness(b"CONF", b"config", Likeness::Prefix).is_some());
        assert!(likeness(b"", b"x", Likeness::Prefix).is_some(), "nothing typed is the beginning of everything");
        let long = "x".repeat(500);
        assert!(likeness("xx".as_bytes(), long.as_bytes(), Likeness::Subsequence).is_some());
        assert_eq!(likeness(format!("y{long}").as_bytes(), long.as_bytes(), Likeness::Subsequence), None);
    }
}
