//! Documents longer than the context are cut into pieces.
//!
//! Cuts fall at line ends; only a line that is longer than a whole piece is cut within. Fill-in-the-middle is applied
//! to each piece rather than to the document before cutting ("context-level", Bavarian et al. 2022, section 4.2):
//! otherwise most examples from long documents would lose their prefix, suffix or middle to another piece.

use prentice_base::Rng;

use crate::{FimOptions, Vocabulary, fim};

/// The shortest context into which every text can be cut: room for one character of four tokens, and the special
/// tokens.
pub const MINIMUM_CONTEXT: usize = 16;

/// Tokens kept free in every piece for `<fim_prefix>`, `<fim_suffix>`, `<fim_middle>` and `<|endoftext|>`.
const RESERVED: usize = 4;

/// A part of a document that fits the context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece<'t> {
    /// Its text.
    pub text: &'t str,
    /// The tokens of the text, without any special token.
    pub tokens: Vec<u32>,
    /// Whether the document ends here.
    pub is_last: bool,
}

/// Cuts a document into pieces of at most `context - 4` tokens; the pieces' texts joined are the document.
///
/// # Panics
/// `context` is below [`MINIMUM_CONTEXT`].
pub fn cut<'t>(text: &'t str, vocabulary: &Vocabulary, context: usize) -> Vec<Piece<'t>> {
    assert!(context >= MINIMUM_CONTEXT, "a context of {context} tokens is below {MINIMUM_CONTEXT}");
    let room = context - RESERVED;
    let tokens = vocabulary.encode(text);
    let mut pieces = Vec::with_capacity(tokens.len() / room + 1);
    let (mut from_token, mut from_byte) = (0, 0);
    while from_token < tokens.len() {
        // The last place to cut so far, as (token, byte), best at a line end, else between characters.
        let (mut line_end, mut character_end) = (None, None);
        let mut byte = from_byte;
        let window = &tokens[from_token..tokens.len().min(from_token + room)];
        for (i, &token) in window.iter().enumerate() {
            let bytes = vocabulary.token_bytes(token);
            byte += bytes.len();
            let place = Some((from_token + i + 1, byte));
            if bytes.last() == Some(&b'\n') || from_token + i + 1 == tokens.len() {
                line_end = place;
            }
            if text.is_char_boundary(byte) {
                character_end = place;
            }
        }
        let (to_token, to_byte) = line_end.or(character_end).expect("a character has at most four tokens");
        pieces.push(Piece {
            text: &text[from_byte..to_byte],
            tokens: tokens[from_token..to_token].to_vec(),
            is_last: to_token == tokens.len(),
        });
        (from_token, from_byte) = (to_token, to_byte);
    }
    pieces
}

impl Piece<'_> {
    /// What is trained on, at most `context` tokens: rearranged as `options` and `rng` decide, or the piece as it is,
    /// ended by `<|endoftext|>` only where the document ends. A rearranged piece always ends with it, because it ends
    /// the middle. The second value says whether the piece was rearranged.
    pub fn into_example(
        self,
        vocabulary: &Vocabulary,
        options: &FimOptions,
        context: usize,
        rng: &mut Rng,
    ) -> (Vec<u32>, bool) {
        let rearranged = fim::draw(self.text, options, rng)
            .and_then(|(parts, order)| fim::format(vocabulary, parts, order, context));
        if let Some(tokens) = rearranged {
            return (tokens, true);
        }
        let mut tokens = self.tokens;
        if self.is_last {
            tokens.reserve_exact(1);
            tokens.push(vocabulary.special().end_of_text);
        }
        (tokens, false)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use prentice_base::Seed;

    use super::*;
    use crate::testing::{PROGRAM, nasty_texts, vocabulary};

    fn check(text: &str, context: usize, expected: Expect) {
        let show = |piece: &Piece<'_>| {
            format!("{} {:?}{}\n", piece.tokens.len(), piece.text, if piece.is_last { " end" } else { "" })
        };
        expected.assert_eq(&cut(text, vocabulary(), context).iter().map(show).collect::<String>());
    }

    #[test]
    fn cuts_fall_at_line_ends_unless_a_line_is_too_long() {
        check("", 16, expect![""]);
        check(
            "1 2\n3 4\n5 6\n7 8\n9",
            16,
            expect![[r#"
                12 "1 2\n3 4\n5 6\n"
                5 "7 8\n9" end
            "#]],
        );
        check(
            "1\n23456789012345678\n3\n",
            16,
            expect![[r#"
                2 "1\n"
                12 "234567890123"
                8 "45678\n3\n" end
            "#]],
        );
        check(
            "🦀🦀🦀🦀🦀🦀",
            16,
            expect![[r#"
                12 "🦀🦀🦀🦀"
                6 "🦀🦀" end
            "#]],
        );
    }

    #[test]
    fn pieces_joined_are_the_document_and_examples_fit_the_context() {
        let always = FimOptions { rate: 1.0, spm_rate: 0.5, line_rate: 0.3 };
        for text in nasty_texts().iter().chain([&PROGRAM.repeat(9)]) {
            for context in [16, 33, 128] {
                let pieces = cut(text, vocabulary(), context);
                assert_eq!(pieces.iter().map(|piece| piece.text).collect::<String>(), *text);
                assert_eq!(pieces.iter().filter(|piece| piece.is_last).count(), usize::from(!text.is_empty()));
                for (piece, place) in pieces.into_iter().zip(0..) {
                    assert_eq!(vocabulary().decode(&piece.tokens), piece.text);
                    assert!((1..=context - RESERVED).contains(&piece.tokens.len()));

                    let rng = &mut Seed(5).derive("piece", place).rng();
                    let end = vocabulary().special().end_of_text;
                    let (plain, rearranged) = piece.clone().into_example(vocabulary(), &FimOptions::NONE, context, rng);
                    assert_eq!((plain.last() == Some(&end), rearranged), (piece.is_last, false));
                    let (example, rearranged) = piece.into_example(vocabulary(), &always, context, rng);
                    assert!(example.len() <= context);
                    assert!(!rearranged || example.last() == Some(&end));
                }
            }
        }
    }
}
