//! Fill-in-the-middle (Bavarian et al. 2022, arXiv 2207.14255): a text is cut into prefix, middle and suffix, and the
//! middle moved to the end, so that a model which only continues text learns to fill holes.
//!
//! Two orders, with StarCoder's tokens, half of the examples each:
//!
//! * PSM: `<fim_prefix>prefix<fim_suffix>suffix<fim_middle>middle<|endoftext|>`
//! * SPM, variant 2: `<fim_prefix><fim_suffix>suffix<fim_middle>prefix middle<|endoftext|>` (without the space)
//!
//! Prefix, middle and suffix are encoded separately, in both orders: the boundary between prefix and middle is where
//! the cursor will be, and there a prompt ends whatever word it stands in.
//!
//! Where we deviate: a share of the holes (`line_rate`) is not cut at two random characters but is one whole line
//! without its indentation, up to and including its line end. Editors and the examination ask for exactly that, the
//! rest of one line with the indentation already typed; among random holes such a one is rare, and a small model with
//! minutes of training sees too few of them to learn that a middle may end after one line.

use std::ops::Range;

use prentice_base::Rng;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::Vocabulary;

/// How often texts are rearranged, and how. All rates are from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FimOptions {
    /// Share of the pieces that are rearranged. A rate of 0.9 does not harm left-to-right quality; 1 does.
    pub rate: f64,
    /// Share of the rearranged pieces in SPM order; the others are in PSM order.
    pub spm_rate: f64,
    /// Share of the rearranged pieces whose middle is one line.
    pub line_rate: f64,
}

impl Default for FimOptions {
    fn default() -> Self {
        Self { rate: 0.5, spm_rate: 0.5, line_rate: 0.3 }
    }
}

impl FimOptions {
    /// Leaves every text as it is: for held-out shards, whose loss is then that of plain text.
    pub const NONE: Self = Self { rate: 0.0, spm_rate: 0.0, line_rate: 0.0 };
}

/// A text in three parts; joined in this order they are the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'t> {
    /// Before the hole.
    pub prefix: &'t str,
    /// What fills the hole.
    pub middle: &'t str,
    /// After the hole.
    pub suffix: &'t str,
}

/// In which order the parts are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Prefix, suffix, middle.
    Psm,
    /// Suffix, prefix, middle (variant 2).
    Spm,
}

/// Decides whether `text` is rearranged, and how; `None` leaves it as it is.
pub fn draw<'t>(text: &'t str, options: &FimOptions, rng: &mut Rng) -> Option<(Parts<'t>, Order)> {
    let mut chance = |rate: f64| rng.random::<f64>() < rate;
    if !chance(options.rate) {
        return None;
    }
    let order = if chance(options.spm_rate) { Order::Spm } else { Order::Psm };
    let parts = if chance(options.line_rate) { split_line(text, rng) } else { None };
    Some((parts.unwrap_or_else(|| split(text, rng)), order))
}

/// Cuts `text` at two characters drawn uniformly from all its positions, both ends included.
pub fn split<'t>(text: &'t str, rng: &mut Rng) -> Parts<'t> {
    let characters = text.chars().count();
    let position = |n: usize| text.char_indices().nth(n).map_or(text.len(), |(byte, _)| byte);
    let (a, b) = (rng.random_range(0..=characters), rng.random_range(0..=characters));
    hole(text, position(a.min(b))..position(a.max(b)))
}

/// Makes a line of `text`, drawn uniformly from [`line_holes`], the middle; `None` if there is no such line.
pub fn split_line<'t>(text: &'t str, rng: &mut Rng) -> Option<Parts<'t>> {
    let holes: Vec<_> = line_holes(text).collect();
    let chosen = (!holes.is_empty()).then(|| rng.random_range(0..holes.len()))?;
    Some(hole(text, holes[chosen].clone()))
}

/// The holes of one line: each line that is not blank, from after its indentation to after its line end.
pub fn line_holes(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = end;
        end += line.len();
        let indentation = line.len() - line.trim_start().len();
        (indentation < line.len()).then_some(start + indentation..end)
    })
}

/// The parts of `text` around the bytes `range`, which must lie between characters.
pub fn hole(text: &str, range: Range<usize>) -> Parts<'_> {
    Parts { prefix: &text[..range.start], middle: &text[range.clone()], suffix: &text[range.end..] }
}

/// The tokens of an example to train on, at most `max_tokens`.
///
/// An example that is too long loses the end of its suffix first, then the start of its prefix, as a prompt does in
/// [`infilling_prompt`]. `None` if the middle alone does not fit: a cut middle would teach to stop anywhere.
pub fn format(vocabulary: &Vocabulary, parts: Parts<'_>, order: Order, max_tokens: usize) -> Option<Vec<u32>> {
    let special = vocabulary.special();
    let middle = vocabulary.encode(parts.middle);
    let prefix = vocabulary.encode(parts.prefix);
    let suffix = vocabulary.encode(parts.suffix);

    let room = max_tokens.checked_sub(middle.len() + 4)?;
    let prefix = last(&prefix, room);
    let suffix = first(&suffix, room - prefix.len());
    Some(match order {
        Order::Psm => {
            let head = [&[special.fim_prefix], prefix, &[special.fim_suffix], suffix, &[special.fim_middle]];
            [&head.concat(), &middle[..], &[special.end_of_text]].concat()
        }
        Order::Spm => {
            let head = [&[special.fim_prefix, special.fim_suffix], suffix, &[special.fim_middle], prefix];
            [&head.concat(), &middle[..], &[special.end_of_text]].concat()
        }
    })
}

/// The prompt, of at most `max_tokens`, after which a model writes the middle.
///
/// In PSM order the suffix stands between the cursor and what the model writes; in SPM order the text before the cursor
/// is the last thing the model sees, so that a small model can go on from it as in plain text.
///
/// What is far from the cursor is left out: the start of the prefix and the end of the suffix, which gets at most a
/// quarter of the room, because code depends more on what comes before. Fewer than 3 tokens hold no prompt.
pub fn infilling_prompt(
    vocabulary: &Vocabulary,
    prefix: &str,
    suffix: &str,
    order: Order,
    max_tokens: usize,
) -> Vec<u32> {
    let special = vocabulary.special();
    let room = max_tokens.saturating_sub(3);
    let suffix = vocabulary.encode(suffix);
    let suffix = first(&suffix, room / 4);
    let prefix = vocabulary.encode(prefix);
    let prefix = last(&prefix, room - suffix.len());
    match order {
        Order::Psm => [&[special.fim_prefix], prefix, &[special.fim_suffix], suffix, &[special.fim_middle]].concat(),
        Order::Spm => [&[special.fim_prefix, special.fim_suffix], suffix, &[special.fim_middle], prefix].concat(),
    }
}

fn first(ids: &[u32], count: usize) -> &[u32] {
    &ids[..count.min(ids.len())]
}

fn last(ids: &[u32], count: usize) -> &[u32] {
    &ids[ids.len() - count.min(ids.len())..]
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use prentice_base::Seed;

    use super::*;
    use crate::testing::{PROGRAM, random_text, vocabulary};

    /// The hole is between two `‸`.
    fn marked(text: &str) -> Parts<'static> {
        let parts: Vec<&'static str> = text.to_owned().leak().split('‸').collect();
        Parts { prefix: parts[0], middle: parts[1], suffix: parts[2] }
    }

    fn check(text: &str, order: Order, max_tokens: usize, expected: Expect) {
        let tokens = format(vocabulary(), marked(text), order, max_tokens);
        assert!(tokens.as_ref().is_none_or(|tokens| tokens.len() <= max_tokens));
        expected.assert_eq(&tokens.map_or("does not fit".to_owned(), |tokens| vocabulary().spell(&tokens)));
    }

    #[test]
    fn orders_are_starcoders() {
        check(
            "fn f() { a(); ‸b();‸ c(); }",
            Order::Psm,
            100,
            expect!["<fim_prefix>fn f() { a(); <fim_suffix> c(); }<fim_middle>b();<|endoftext|>"],
        );
        check(
            "fn f() { a(); ‸b();‸ c(); }",
            Order::Spm,
            100,
            expect!["<fim_prefix><fim_suffix> c(); }<fim_middle>fn f() { a(); b();<|endoftext|>"],
        );
        check("‸‸", Order::Psm, 4, expect!["<fim_prefix><fim_suffix><fim_middle><|endoftext|>"]);
    }

    #[test]
    fn what_is_too_long_loses_its_far_ends_but_never_its_middle() {
        check(
            "12345‸67‸89012",
            Order::Psm,
            16,
            expect!["<fim_prefix>12345<fim_suffix>89012<fim_middle>67<|endoftext|>"],
        );
        check("12345‸67‸89012", Order::Psm, 13, expect!["<fim_prefix>12345<fim_suffix>89<fim_middle>67<|endoftext|>"]);
        check("12345‸67‸89012", Order::Spm, 13, expect!["<fim_prefix><fim_suffix>89<fim_middle>1234567<|endoftext|>"]);
        check("12345‸67‸89012", Order::Psm, 9, expect!["<fim_prefix>345<fim_suffix><fim_middle>67<|endoftext|>"]);
        check("12345‸67‸89012", Order::Psm, 6, expect!["<fim_prefix><fim_suffix><fim_middle>67<|endoftext|>"]);
        check("12345‸67‸89012", Order::Psm, 5, expect!["does not fit"]);
        check("12345‸67‸89012", Order::Psm, 3, expect!["does not fit"]);
    }

    #[test]
    fn prefix_and_middle_meet_at_a_token_boundary() {
        let word = vocabulary().encode(" name");
        assert_eq!(word.len(), 1, "the cut must go through a token");
        let tokens = format(vocabulary(), marked(" na‸me‸"), Order::Spm, 100).unwrap();
        let parts = [vocabulary().encode(" na"), vocabulary().encode("me")].concat();
        assert_eq!(vocabulary().decode(&parts), " name");
        assert_eq!(tokens[3..tokens.len() - 1], parts);
    }

    #[test]
    fn line_holes_leave_indentation_and_take_the_line_end() {
        let show = |text: &str| {
            line_holes(text)
                .map(|range| hole(text, range))
                .map(|parts| format!("{:?}‸{:?}‸{:?}\n", parts.prefix, parts.middle, parts.suffix))
                .collect::<String>()
        };
        expect![[r#"
            ""‸"def f():\n"‸"    return 1\n\n  \n\tx"
            "def f():\n    "‸"return 1\n"‸"\n  \n\tx"
            "def f():\n    return 1\n\n  \n\t"‸"x"‸""
        "#]]
        .assert_eq(&show("def f():\n    return 1\n\n  \n\tx"));
        expect![[r#"
            ""‸"a\r\n"‸"  b\r\n\r\n"
            "a\r\n  "‸"b\r\n"‸"\r\n"
        "#]]
        .assert_eq(&show("a\r\n  b\r\n\r\n"));
        expect![""].assert_eq(&show("\n \n"));
    }

    #[test]
    fn parts_joined_are_the_text_and_cuts_are_uniform() {
        let rng = &mut Seed(3).rng();
        for characters in 0..1000 {
            let text = random_text(characters % 60, rng);
            for parts in [Some(split(&text, rng)), split_line(&text, rng)].into_iter().flatten() {
                assert_eq!([parts.prefix, parts.middle, parts.suffix].concat(), text);
            }
        }
        let mut prefixes = [0; 3];
        for _ in 0..9000 {
            prefixes[split("é🦀", rng).prefix.chars().count()] += 1;
        }
        // The smaller of two of three positions: 5/9, 3/9, 1/9.
        for (count, expected) in prefixes.into_iter().zip([5000i32, 3000, 1000]) {
            assert!((count - expected).abs() < 200, "{prefixes:?}");
        }
    }

    #[test]
    fn rates_are_kept() {
        let rng = &mut Seed(4).rng();
        let options = FimOptions { rate: 0.5, spm_rate: 0.25, line_rate: 1.0 };
        let (mut rearranged, mut spm) = (0i32, 0i32);
        for _ in 0..4000 {
            if let Some((parts, order)) = draw(PROGRAM, &options, rng) {
                rearranged += 1;
                spm += i32::from(order == Order::Spm);
                assert!(line_holes(PROGRAM).any(|range| hole(PROGRAM, range) == parts));
            }
        }
        assert!((rearranged - 2000).abs() < 120 && (spm - 500).abs() < 80, "{rearranged} {spm}");
        assert!((0..100).all(|_| draw(PROGRAM, &FimOptions::NONE, rng).is_none()));
    }

    #[test]
    fn prompts_keep_what_is_near_the_cursor() {
        let check = |prefix: &str, suffix: &str, max_tokens: usize, expected: Expect| {
            let prompt = infilling_prompt(vocabulary(), prefix, suffix, Order::Psm, max_tokens);
            assert!(prompt.len() <= max_tokens);
            expected.assert_eq(&vocabulary().spell(&prompt));
        };
        check(
            "if name:\n    ",
            "\nelse",
            100,
            expect![[r#"
            <fim_prefix>if name:
                <fim_suffix>
            else<fim_middle>"#]],
        );
        check("1234567890", "1234567890", 15, expect!["<fim_prefix>234567890<fim_suffix>123<fim_middle>"]);
        check("12", "1234567890", 15, expect!["<fim_prefix>12<fim_suffix>123<fim_middle>"]);
        check("1234567890", "", 8, expect!["<fim_prefix>67890<fim_suffix><fim_middle>"]);
        check("1234567890", "1234567890", 3, expect!["<fim_prefix><fim_suffix><fim_middle>"]);
        let spm = infilling_prompt(vocabulary(), "1234567890", "1234567890", Order::Spm, 15);
        expect!["<fim_prefix><fim_suffix>123<fim_middle>234567890"].assert_eq(&vocabulary().spell(&spm));
    }
}
