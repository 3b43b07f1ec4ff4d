//! Origins: which trees the files of a scanned directory belong to.
//!
//! The scanned directory can be (part of) a git work tree, an unpacked package, or a plain directory; and a plain directory
//! can hold many of the former, like the source cache of a package manager or a folder of clones. Git's files are read
//! as files: no program is run and no hook can be.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use prentice_base::SourceKind;

use crate::{
    licence_manifest::{MANIFESTS, identity},
    licence_text::is_licence_file,
};

/// A tree that documents come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin {
    pub name: String,
    pub source: SourceKind,
    pub revision: Option<String>,
    /// Path of the scanned root within the origin, empty or ending in `/`: not empty where a part of a tree is scanned.
    pub base: String,
}

/// The origins of a scanned root.
pub(crate) struct Origins {
    /// By directory relative to the scanned root; the root itself is the empty string and always there.
    by_directory: BTreeMap<String, Origin>,
    /// The git work tree that the root lies in and is not ignored by.
    pub git_root: Option<PathBuf>,
}

impl Origins {
    /// Looks at `root` and up to two levels below it.
    pub(crate) fn detect(root: &Path) -> Self {
        let git_root = git_work_tree(root);
        let mut by_directory = BTreeMap::new();
        let whole = match &git_root {
            Some(top) => git_origin(top, root),
            None if is_package(root, false) => package(root),
            None => {
                if !has_any(root, |name| MANIFESTS.contains(&name) || is_licence_file(name)) {
                    collect(root, "", 1, &mut by_directory);
                }
                Origin { name: name_of(root), source: SourceKind::Directory, revision: None, base: String::new() }
            }
        };
        by_directory.insert(String::new(), whole);
        Self { by_directory, git_root }
    }

    /// The origin of a file, and the file's path below the origin's directory.
    pub(crate) fn of<'a>(&self, path: &'a str) -> (&Origin, &'a str) {
        // Origins lie at most two levels deep.
        let cuts = path.match_indices('/').map(|(at, _)| at).take(2).collect::<Vec<_>>();
        let found = cuts.iter().rev().find_map(|&cut| Some((self.by_directory.get(&path[..cut])?, &path[cut + 1..])));
        found.unwrap_or_else(|| (&self.by_directory[""], path))
    }
}

fn collect(directory: &Path, relative: &str, depth: usize, found: &mut BTreeMap<String, Origin>) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let path = entry.path();
        let key = format!("{relative}{}", entry.file_name().to_string_lossy());
        if path.join(".git").exists() {
            found.insert(key, git_origin(&path, &path));
        } else if is_package(&path, depth == 1) {
            found.insert(key, package(&path));
        } else if depth < 2 {
            collect(&path, &format!("{key}/"), depth + 1, found);
        }
    }
}

/// Whether the directory is an unpacked package. A bare manifest is enough only where `lenient`: a project that is
/// not under version control has one too.
fn is_package(directory: &Path, lenient: bool) -> bool {
    let name = name_of(directory);
    if name.ends_with(".egg-info") || name.ends_with(".dist-info") {
        return false;
    }
    let versioned = name.match_indices('-').any(|(at, _)| name[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    let has = |file: &str| directory.join(file).is_file();
    has("PKG-INFO")
        || has("package.json")
        || has("Cargo.toml") && has(".cargo_vcs_info.json")
        || (versioned || lenient) && MANIFESTS.iter().any(|file| has(file))
}

fn package(directory: &Path) -> Origin {
    let mut found = MANIFESTS.iter().filter_map(|file| Some(identity(file, &small_file(&directory.join(file))?)));
    let identity = found.find(|identity| identity.name.is_some()).unwrap_or_default();
    let commit = || {
        let json: serde_json::Value =
            serde_json::from_str(&small_file(&directory.join(".cargo_vcs_info.json"))?).ok()?;
        json["git"]["sha1"].as_str().map(str::to_owned)
    };
    let name = match (&identity.name, &identity.version) {
        (Some(name), Some(version)) => format!("{name}-{version}"),
        _ => name_of(directory),
    };
    Origin { name, source: SourceKind::Package, revision: commit().or(identity.version), base: String::new() }
}

fn has_any(directory: &Path, wanted: impl Fn(&str) -> bool) -> bool {
    let mut entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_str().is_some_and(&wanted))
}

pub(crate) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(OsStr::new("root")).to_string_lossy().into_owned()
}

/// Manifests, references and the like are small; whatever is larger is not one.
pub(crate) fn small_file(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    (metadata.is_file() && metadata.len() <= 1 << 20).then(|| fs::read_to_string(path).ok()).flatten()
}

/// The work tree that `root` belongs to: one it lies in and is not ignored by.
fn git_work_tree(root: &Path) -> Option<PathBuf> {
    let top = root.ancestors().find(|directory| directory.join(".git").exists())?;
    let between = root.ancestors().take_while(|directory| *directory != top).skip(1);
    let ignored = between.chain([top]).any(|directory| {
        let (rules, _) = ignore::gitignore::Gitignore::new(directory.join(".gitignore"));
        root != directory && rules.matched_path_or_any_parents(root, true).is_ignore()
    });
    (!ignored).then(|| top.to_owned())
}

fn git_origin(top: &Path, root: &Path) -> Origin {
    let git = git_directory(top);
    let base = root.strip_prefix(top).ok().filter(|base| !base.as_os_str().is_empty());
    Origin {
        name: git.as_deref().and_then(remote).unwrap_or_else(|| name_of(top)),
        source: SourceKind::GitWorkTree,
        revision: git.as_deref().and_then(head),
        base: base.map(|base| format!("{}/", slashed(base))).unwrap_or_default(),
    }
}

/// `path` with `/` between its parts on every system.
pub(crate) fn slashed(path: &Path) -> String {
    path.iter().map(OsStr::to_string_lossy).collect::<Vec<_>>().join("/")
}

/// `.git`, or where the file of that name points in linked work trees and submodules.
fn git_directory(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    Some(top.join(small_file(&git)?.strip_prefix("gitdir:")?.trim()))
}

fn common_directory(git: &Path) -> PathBuf {
    small_file(&git.join("commondir")).map_or_else(|| git.to_owned(), |common| git.join(common.trim()))
}

/// The commit that is checked out.
fn head(git: &Path) -> Option<String> {
    let head = small_file(&git.join("HEAD"))?;
    let Some(reference) = head.trim().strip_prefix("ref:").map(str::trim) else {
        return Some(head.trim().to_owned());
    };
    let common = common_directory(git);
    let loose = [git, &common].into_iter().find_map(|directory| small_file(&directory.join(reference)));
    loose.map(|commit| commit.trim().to_owned()).or_else(|| {
        let packed = small_file(&common.join("packed-refs"))?;
        packed.lines().find_map(|line| line.strip_suffix(reference)?.strip_suffix(' ').map(str::to_owned))
    })
}

/// The address of the remote called `origin`, without credentials. A path on this machine is nobody else's provenance.
fn remote(git: &Path) -> Option<String> {
    let config = small_file(&common_directory(git).join("config"))?;
    let section = config.lines().map(str::trim).skip_while(|line| *line != "[remote \"origin\"]").skip(1);
    let url = section
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix("url")?.trim_start().strip_prefix('=').map(str::trim))?;
    match url.split_once("://") {
        Some(("file", _)) => None,
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = host.rsplit('@').next().unwrap_or(host);
            Some(format!("{scheme}://{host}/{path}"))
        }
        // `user@host:path`; anything else is a path.
        None => url.split_once('@').filter(|(_, rest)| rest.contains(':')).map(|(_, rest)| rest.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::Builder::new().prefix("tree").tempdir().unwrap();
        for (path, text) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        directory
    }

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    #[test]
    fn a_git_work_tree_is_found_from_a_directory_below_its_top() {
        for (head, packed) in [("ref: refs/heads/main\n", true), ("ref: refs/heads/main\n", false), (COMMIT, false)] {
            let directory = tree(&[
                (".git/HEAD", head),
                (
                    ".git/config",
                    "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://me:secret@example.org/a/b.git\n",
                ),
                (".gitignore", "/target\n"),
                ("crates/one/a.rs", ""),
                ("target/debug/a.rs", ""),
            ]);
            let reference = format!("{COMMIT} refs/heads/main\n");
            let (at, text) =
                if packed { (".git/packed-refs", reference.as_str()) } else { (".git/refs/heads/main", COMMIT) };
            fs::create_dir_all(directory.path().join(".git/refs/heads")).unwrap();
            fs::write(directory.path().join(at), text).unwrap();
            let origins = Origins::detect(&directory.path().join("crates"));
            let expected = Origin {
                name: "https://example.org/a/b.git".into(),
                source: SourceKind::GitWorkTree,
                revision: Some(COMMIT.into()),
                base: "crates/".into(),
            };
            assert_eq!(origins.of("one/a.rs"), (&expected, "one/a.rs"));

            let ignored = Origins::detect(&directory.path().join("target/debug"));
            assert_eq!(
                ignored.of("a.rs").0.source,
                SourceKind::Directory,
                "an ignored directory is not the repository's"
            );
        }
    }

    #[test]
    fn remotes_lose_credentials_and_local_paths() {
        for (url, expected) in [
            ("https://example.org/a/b", Some("https://example.org/a/b")),
            ("ssh://git@example.org/a/b", Some("ssh://example.org/a/b")),
            ("git@example.org:a/b.git", Some("example.org:a/b.git")),
            ("/home/me/project", None),
            ("file:///home/me/project", None),
        ] {
            let directory = tree(&[("config", &format!("[remote \"origin\"]\n  url={url}\n"))]);
            assert_eq!(remote(directory.path()).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_directory_of_packages_has_many_origins() {
        let directory = tree(&[
            ("registry/alpha-1.2.0/Cargo.toml", "[package]\nname = 'alpha'\nversion = '1.2.0'\n"),
            ("registry/alpha-1.2.0/.cargo_vcs_info.json", &format!("{{\"git\": {{\"sha1\": \"{COMMIT}\"}}}}")),
            ("beta/package.json", r#"{"name": "beta", "version": "2.0.0"}"#),
            ("clone/.git/HEAD", COMMIT),
            ("plain/deep/Cargo.toml", "[package]\nname = 'x'\n"),
        ]);
        let origins = Origins::detect(directory.path());
        let of = |path: &str| {
            let (origin, inner) = origins.of(path);
            (origin.name.clone(), origin.source, origin.revision.clone(), inner.to_owned())
        };
        let commit = Some(COMMIT.to_owned());
        let whole = name_of(directory.path());
        assert_eq!(
            of("registry/alpha-1.2.0/src/a.rs"),
            ("alpha-1.2.0".into(), SourceKind::Package, commit.clone(), "src/a.rs".into())
        );
        assert_eq!(of("beta/a.js"), ("beta-2.0.0".into(), SourceKind::Package, Some("2.0.0".into()), "a.js".into()));
        assert_eq!(of("clone/a.py"), ("clone".into(), SourceKind::GitWorkTree, commit, "a.py".into()));
        assert_eq!(of("plain/deep/a.rs"), (whole, SourceKind::Directory, None, "plain/deep/a.rs".into()));
    }
}
