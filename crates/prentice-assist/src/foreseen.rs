//! Completions that were computed before they are asked for: while what was offered is typed letter by letter, and for the
//! text as it will be once it is accepted.

use std::{collections::VecDeque, hash::BuildHasher as _};

use crate::Completion;

/// Answers that are kept.
const KEPT: usize = 8;

/// The latest answers, each with the text that it was for.
#[derive(Debug, Default)]
pub struct Foreseen {
    answers: VecDeque<Answer>,
    hasher: foldhash::fast::FixedState,
}

#[derive(Debug)]
struct Answer {
    path: String,
    /// Where in the text it is for, and hashes of the text before and after that.
    offset: usize,
    before: u64,
    after: u64,
    completions: Vec<Completion>,
}

impl Foreseen {
    /// What was answered for this text, or for one from which it came by typing what was offered first.
    pub fn find(&self, path: &str, text: &str, offset: usize) -> Option<Vec<Completion>> {
        let after = self.hasher.hash_one(&text[offset..]);
        self.answers.iter().rev().find_map(|answer| {
            let fits = answer.path == path && answer.offset <= offset && answer.after == after;
            if !fits || self.hasher.hash_one(text.get(..answer.offset)?) != answer.before {
                return None;
            }
            let typed = &text[answer.offset..offset];
            let rest = |completion: &Completion| {
                let text = completion.text.strip_prefix(typed).filter(|text| !text.is_empty())?;
                let mut rest = Completion { text: text.to_owned(), replace: offset..offset, ..completion.clone() };
                for citation in &mut rest.citations {
                    citation.span =
                        citation.span.start.saturating_sub(typed.len())..citation.span.end.saturating_sub(typed.len());
                }
                rest.citations.retain(|citation| !citation.span.is_empty());
                Some(rest)
            };
            rest(answer.completions.first()?)?;
            Some(answer.completions.iter().filter_map(rest).collect())
        })
    }

    /// Keeps an answer.
    pub fn keep(&mut self, path: &str, text: &str, offset: usize, completions: &[Completion]) {
        if completions.is_empty() {
            return;
        }
        if self.answers.len() == KEPT {
            self.answers.pop_front();
        }
        self.answers.push_back(Answer {
            path: path.to_owned(),
            offset,
            before: self.hasher.hash_one(&text[..offset]),
            after: self.hasher.hash_one(&text[offset..]),
            completions: completions.to_vec(),
        });
    }

    /// Forgets all: something was learnt.
    pub fn clear(&mut self) {
        self.answers.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Citation;

    #[test]
    fn what_was_offered_may_be_typed() {
        let citation =
            Citation { span: 4..9, path: "a.rs".to_owned(), line: 1, commit: None, licence: Some("MIT".to_owned()) };
        let offered =
            |text: &str, citations| Completion { text: text.to_owned(), replace: 4..4, confidence: 0.9, citations };
        let mut foreseen = Foreseen::default();
        let completions = [offered("one(two);", vec![citation]), offered("other", vec![])];
        foreseen.keep("x.rs", "let  = 1;", 4, &completions);
        let found = |path: &str, text: &str, offset: usize| {
            let texts =
                |found: Vec<Completion>| found.into_iter().map(|completion| completion.text).collect::<Vec<_>>();
            foreseen.find(path, text, offset).map(texts)
        };
        for (path, text, offset, expected) in [
            ("x.rs", "let  = 1;", 4, Some(vec!["one(two);", "other"])),
            ("x.rs", "let o = 1;", 5, Some(vec!["ne(two);", "ther"])),
            ("x.rs", "let one( = 1;", 8, Some(vec!["two);"])),
            // Typed to its end; something else; elsewhere; another text before, after.
            ("x.rs", "let one(two); = 1;", 13, None),
            ("x.rs", "let ot = 1;", 6, None),
            ("y.rs", "let  = 1;", 4, None),
            ("x.rs", "Let  = 1;", 4, None),
            ("x.rs", "let  = 2;", 4, None),
            ("x.rs", "le", 2, None),
        ] {
            let expected = expected.map(|texts| texts.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(found(path, text, offset), expected, "{text}");
        }
        let typed = foreseen.find("x.rs", "let one(t = 1;", 9).unwrap();
        assert_eq!((typed[0].replace.clone(), typed[0].citations[0].span.clone()), (9..9, 0..4));
        foreseen.clear();
        assert_eq!(foreseen.find("x.rs", "let  = 1;", 4).map(|found| found.len()), None);
    }
}
