//! Names of files: the client's URIs, and the paths that the backend knows.

use std::{
    ffi::OsString,
    fmt::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

/// The directory that is worked in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace at `root`, an absolute path.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the backend calls a document: its path within the workspace, with `/`; its absolute path if it is outside;
    /// its URI if it is no file.
    pub fn name(&self, uri: &str) -> String {
        let Some(path) = path_of_uri(uri) else { return uri.to_owned() };
        path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy().into_owned()
    }

    /// The URI of what the backend calls `name`.
    pub fn uri(&self, name: &str) -> String {
        if is_uri(name) { name.to_owned() } else { uri_of_path(&self.root.join(name)) }
    }

    /// Where `name` is on disk, if it is a file.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        (!is_uri(name)).then(|| self.root.join(name))
    }
}

/// Whether a name is a URI, such as `untitled:Untitled-1`, and no path: a scheme of at least two letters and a colon,
/// before any `/`. A file of the workspace whose path begins like that is not found again; nobody has one.
fn is_uri(name: &str) -> bool {
    let Some((scheme, _)) = name.split_once(':') else { return false };
    scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The path that a `file:` URI names; none for other schemes and other hosts.
pub fn path_of_uri(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    if !rest.starts_with('/') {
        return None;
    }
    let encoded = rest.split(['?', '#']).next().unwrap_or(rest).as_bytes();
    let mut path = Vec::with_capacity(encoded.len());
    let mut index = 0;
    while index < encoded.len() {
        let escaped = encoded.get(index + 1..index + 3).and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
            u8::from_str_radix(digits, 16).ok()
        });
        match (encoded[index], escaped) {
            (b'%', Some(byte)) => {
                path.push(byte);
                index += 3;
            }
            (byte, _) => {
                path.push(byte);
                index += 1;
            }
        }
    }
    Some(PathBuf::from(OsString::from_vec(path)))
}

/// A `file:` URI, in which everything but unreserved characters and `/` is escaped.
pub fn uri_of_path(path: &Path) -> String {
    let mut uri = String::from("file://");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(byte.into());
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_uris() {
        let workspace = Workspace::new("/home/a b".into());
        for (uri, name, back) in [
            ("file:///home/a%20b/src/lib.rs", "src/lib.rs", "file:///home/a%20b/src/lib.rs"),
            ("file://localhost/home/a%20b/x", "x", "file:///home/a%20b/x"),
            ("file:///home/a b/%C3%A9.rs", "é.rs", "file:///home/a%20b/%C3%A9.rs"),
            ("file:///home/a%20b/100%.rs", "100%.rs", "file:///home/a%20b/100%25.rs"),
            ("file:///home/a%20b/%+f", "%+f", "file:///home/a%20b/%25%2Bf"),
            ("file:///home/a%20b/c:d/x#L1", "c:d/x", "file:///home/a%20b/c%3Ad/x"),
            ("file:///elsewhere/x", "/elsewhere/x", "file:///elsewhere/x"),
            ("untitled:Untitled-1", "untitled:Untitled-1", "untitled:Untitled-1"),
            ("git:/home/x.rs?%7B%7D", "git:/home/x.rs?%7B%7D", "git:/home/x.rs?%7B%7D"),
            ("file://server/share/x", "file://server/share/x", "file://server/share/x"),
        ] {
            assert_eq!((workspace.name(uri).as_str(), workspace.uri(name).as_str()), (name, back), "{uri}");
        }
    }
}
