//! What may be copied, by the terms it stands under.
//!
//! What a licence demands is not decided here: whoever knows licences says it as [`Terms`].

/// What the licence of a cited file amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// Attribution at most.
    Permissive,
    /// More than attribution: copyleft, or restrictions of use.
    Demanding,
    /// Nothing is known, or what is known is not understood.
    Unknown,
}

/// Which citations are refused. The default refuses none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Refuse what demands more than attribution.
    pub refuse_copyleft: bool,
    /// Refuse what nobody knows the terms of.
    pub refuse_unknown: bool,
}

impl Policy {
    /// Whatever is permissive without doubt, and nothing else.
    pub const PERMISSIVE: Self = Self { refuse_copyleft: true, refuse_unknown: true };

    /// Whether copying under these terms is refused.
    pub fn refuses(self, terms: Terms) -> bool {
        match terms {
            Terms::Permissive => false,
            Terms::Demanding => self.refuse_copyleft,
            Terms::Unknown => self.refuse_unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        let no_copyleft = Policy { refuse_copyleft: true, ..Policy::default() };
        let no_unknown = Policy { refuse_unknown: true, ..Policy::default() };
        for (policy, refused) in [
            (Policy::default(), [false, false, false]),
            (no_copyleft, [false, true, false]),
            (no_unknown, [false, false, true]),
            (Policy::PERMISSIVE, [false, true, true]),
        ] {
            let terms = [Terms::Permissive, Terms::Demanding, Terms::Unknown];
            assert_eq!(terms.map(|terms| policy.refuses(terms)), refused, "{policy:?}");
        }
    }
}
