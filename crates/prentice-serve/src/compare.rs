//! Whether what a program printed is what was expected.
//!
//! Lines are compared without the whitespace around them, and empty lines at the end do not count; where two lines
//! differ, they are compared word by word, numbers within numpy's `allclose` default (1e-8 + 1e-5 of the expected
//! value) unless both are integers, which must be equal. This is verl's `prime_code` without its last resort: there,
//! two lines with the same *set* of words are equal, so that `2 1` passes for `1 2`. verl's `sandbox_fusion` is
//! stricter: only newlines at the end are forgiven.

/// Whether `actual` is an acceptable answer where `expected` is the right one.
pub fn outputs_match(actual: &str, expected: &str) -> bool {
    let mut actual = actual.trim().lines().map(str::trim);
    let mut expected = expected.trim().lines().map(str::trim);
    loop {
        match (actual.next(), expected.next()) {
            (None, None) => return true,
            (Some(actual), Some(expected)) if actual == expected || words_match(actual, expected) => {}
            _ => return false,
        }
    }
}

fn words_match(actual: &str, expected: &str) -> bool {
    let mut actual = actual.split_whitespace();
    let mut expected = expected.split_whitespace();
    loop {
        match (actual.next(), expected.next()) {
            (None, None) => return true,
            (Some(actual), Some(expected)) if actual == expected || numbers_match(actual, expected) => {}
            _ => return false,
        }
    }
}

fn numbers_match(actual: &str, expected: &str) -> bool {
    let is_integer =
        |word: &str| word.strip_prefix(['-', '+']).unwrap_or(word).bytes().all(|byte| byte.is_ascii_digit());
    if is_integer(actual) && is_integer(expected) {
        return false;
    }
    match (actual.parse::<f64>(), expected.parse::<f64>()) {
        (Ok(actual), Ok(expected)) => (actual - expected).abs() <= 1e-8 + 1e-5 * expected.abs(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_match_up_to_whitespace_at_line_ends_and_rounding() {
        for (actual, expected, equal) in [
            ("3\n", "3", true),
            ("3 \r\n4\n\n", "3\n4\n", true),
            ("a  b", "a b", true),
            ("a b", "ab", false),
            ("1\n2", "1 2", false),
            ("1\n\n2", "1\n2", false),
            ("2 1", "1 2", false),
            ("0.3333333", "0.33333333333", true),
            ("0.334", "0.33333333333", false),
            ("1.0", "1", true),
            ("100000", "100001", false),
            ("99999999999999999999", "99999999999999999998", false),
            ("nan", "nan", true),
            ("NaN", "1.5", false),
            ("inf", "1e999", false),
            ("YES", "yes", false),
            ("", "", true),
            ("", "0", false),
            ("x 1.00000001 y", "x 1.0 y", true),
        ] {
            assert_eq!(outputs_match(actual, expected), equal, "{actual:?} {expected:?}");
        }
    }
}
