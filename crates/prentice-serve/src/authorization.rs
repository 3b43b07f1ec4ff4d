//! Who may ask: whoever has the token, where there is one.
//!
//! `Authorization: Bearer TOKEN`, or `Basic` with the token as the password: the clients of verl, OpenRLHF and slime
//! send no header of their own, but `requests` and `aiohttp` turn `http://any:TOKEN@host:port/...` into a `Basic` one.

/// The token's digest; the token itself is not kept.
pub(crate) struct Guard(Option<blake3::Hash>);

impl Guard {
    pub(crate) fn new(token: Option<&str>) -> Self {
        Self(token.map(|token| blake3::hash(token.as_bytes())))
    }

    /// Whether the value of the `Authorization` header opens the door.
    pub(crate) fn admits(&self, header: Option<&[u8]>) -> bool {
        let Some(expected) = self.0 else { return true };
        // Digests are compared in constant time, whatever the lengths of the tokens.
        header.and_then(credential).is_some_and(|credential| blake3::hash(&credential) == expected)
    }
}

fn credential(header: &[u8]) -> Option<Vec<u8>> {
    let space = header.iter().position(|byte| *byte == b' ')?;
    let (scheme, value) = (&header[..space], header[space..].trim_ascii());
    if scheme.eq_ignore_ascii_case(b"bearer") {
        Some(value.to_vec())
    } else if scheme.eq_ignore_ascii_case(b"basic") {
        let pair = base64::decode(value).ok()?;
        let colon = pair.iter().position(|byte| *byte == b':')?;
        Some(pair[colon + 1..].to_vec())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_as_bearer_or_as_password() {
        let guard = Guard::new(Some("se:cret"));
        for (header, admitted) in [
            ("Bearer se:cret", true),
            ("bearer  se:cret ", true),
            ("Basic dHJhaW5lcjpzZTpjcmV0", true),
            ("Basic c2U6Y3JldA==", false),
            ("Bearer se:cre", false),
            ("Bearer se:cretx", false),
            ("Bearer ", false),
            ("Bearer", false),
            ("Basic !", false),
            ("se:cret", false),
        ] {
            assert_eq!(guard.admits(Some(header.as_bytes())), admitted, "{header}");
        }
        assert!(!guard.admits(None));
        assert!(Guard::new(None).admits(None));
    }
}
