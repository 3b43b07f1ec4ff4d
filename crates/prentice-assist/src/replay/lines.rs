//! Which files and which of their lines an examination is about.

use std::collections::{HashMap, HashSet};

use super::git::Change;

/// Extensions of programs' sources.
pub const EXTENSIONS: &[&str] = &[
    "rs", "py", "pyi", "ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs", "go", "java", "c", "h", "cc", "cpp",
    "cxx", "hpp", "hh", "cs", "kt", "swift", "rb", "php", "scala", "lua",
];

/// Whether a path is that of a program's source that belongs to the project.
pub fn is_code(path: &str) -> bool {
    let elsewhere = ["vendor", "node_modules", "dist", "third_party", "thirdparty"];
    path.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
        && !path.split('/').any(|part| elsewhere.contains(&part))
        && !path.contains(".min.")
}

/// Whether people wrote a text: its lines are not too long.
pub fn is_written(text: &str) -> bool {
    text.lines().take(2000).all(|line| line.len() < 1000) && !text.contains('\0')
}

/// The added lines of a commit that may be asked for, by file: no comments, nothing very short or long, and nothing that
/// was moved. A line was moved where the commit removes the same one, apart from white space, in whichever file; as
/// often as it does.
pub fn eligible(files: &[(Change, Option<String>)]) -> Vec<HashSet<usize>> {
    let mut removed: HashMap<&str, usize> = HashMap::new();
    for line in files.iter().flat_map(|(change, _)| &change.removed) {
        *removed.entry(line.trim()).or_default() += 1;
    }
    let mut by_file = Vec::new();
    for (change, text) in files {
        let lines: Vec<&str> = text.iter().flat_map(|text| text.lines()).collect();
        let comments = comment_lines(change.new_path.as_deref().unwrap_or_default(), &lines);
        let mut eligible = HashSet::new();
        for index in change.added.iter().cloned().flatten() {
            let Some(line) = lines.get(index).map(|line| line.trim()) else { continue };
            if let Some(count) = removed.get_mut(line).filter(|count| **count > 0) {
                *count -= 1;
            } else if (8..=200).contains(&line.chars().count()) && !comments[index] {
                eligible.insert(index);
            }
        }
        by_file.push(eligible);
    }
    by_file
}

/// Which lines are comments as a whole. Attributes of Rust, dereferences and preprocessor lines are none; documentation
/// in Python's strings is none either.
fn comment_lines(path: &str, lines: &[&str]) -> Vec<bool> {
    let is = |extensions: &[&str]| path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension));
    let (hash, dashes) = (is(&["py", "pyi", "rb"]), is(&["lua"]));
    let mut inside = false;
    lines
        .iter()
        .map(|line| {
            let line = line.trim();
            if hash {
                return line.starts_with('#');
            }
            if dashes {
                return line.starts_with("--");
            }
            let comment = inside || line.starts_with("//") || line.starts_with("/*");
            if inside || line.starts_with("/*") {
                inside = !line.contains("*/");
            }
            comment
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_whole_lines() {
        for (path, text, expected) in [
            ("a.rs", "#[test]|*count += 1;|// no|/* no|no|no */|yes /* no */", "++---".to_owned() + "-+"),
            ("a.py", "# no|yes()|#: no", "-+-".to_owned()),
            ("a.c", "#include <a>|//no", "+-".to_owned()),
            ("a.lua", "--no|yes", "-+".to_owned()),
        ] {
            let lines: Vec<&str> = text.split('|').collect();
            let shown: String =
                comment_lines(path, &lines).iter().map(|comment| if *comment { '-' } else { '+' }).collect();
            assert_eq!(shown, expected, "{path}");
        }
    }

    #[test]
    fn moved_lines_are_left_out_as_often_as_they_were_removed_in_whichever_file() {
        let change = |path: &str, added: usize, removed: &[&str]| Change {
            old_path: Some(path.to_owned()),
            new_path: Some(path.to_owned()),
            added: std::iter::once(0..added).collect(),
            removed: removed.iter().map(|line| (*line).to_owned()).collect(),
        };
        let files = [
            (change("a.rs", 3, &[]), Some("  let moved = 1;\nlet added = 2;\nlet moved = 1;\n".to_owned())),
            (change("b.rs", 0, &["let moved = 1;"]), Some(String::new())),
            (change("gone.rs", 0, &["let other = 1;"]), None),
            (change("c.rs", 3, &[]), Some("short\nlet other = 1;\nlet more = 2;\n".to_owned())),
        ];
        let mut found: Vec<Vec<usize>> = eligible(&files).into_iter().map(|set| set.into_iter().collect()).collect();
        found.iter_mut().for_each(|lines| lines.sort_unstable());
        assert_eq!(found, [vec![1, 2], vec![], vec![], vec![2]]);
    }

    #[test]
    fn code_is_what_belongs_to_the_project() {
        for (path, code) in [
            ("src/a.rs", true),
            ("vendor/a.rs", false),
            ("a.min.js", false),
            ("README.md", false),
            ("rs", false),
            ("x/vendored/a.go", true),
        ] {
            assert_eq!(is_code(path), code, "{path}");
        }
        assert!(is_written("a\nb\n") && !is_written("a\0") && !is_written(&"x".repeat(1000)));
    }
}
