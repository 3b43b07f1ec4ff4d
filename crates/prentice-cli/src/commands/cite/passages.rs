//! What of a text is to be cited: all of a file, or the added lines of a unified diff.
//!
//! *Not covered:* combined diffs of merges, and targets whose names git puts in quotation marks: their added lines are
//! cited, without knowing where they belong.

use std::path::PathBuf;

/// Lines that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// The lines.
    pub text: String,
    /// The first one's number in the text, from 1.
    pub line: usize,
    /// The file that the text is.
    pub own: Option<PathBuf>,
    /// The file that a diff adds the lines to, and the number of the first one there, from 1.
    pub target: Option<(String, usize)>,
}

impl Passage {
    /// A whole text.
    pub fn whole(text: &str) -> Self {
        Self { text: text.to_owned(), line: 1, ..Self::default() }
    }
}

/// Whether a text has a hunk below the name of a file.
pub fn looks_like_diff(text: &str) -> bool {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("+++ "));
    lines.any(|line| Hunk::parse(line).is_some())
}

/// The runs of added lines of a unified diff.
pub fn of_diff(text: &str) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    let mut target = None;
    let mut hunk = Hunk::default();
    let mut is_run = false;
    for (index, line) in text.split('\n').enumerate() {
        if hunk.is_over() {
            is_run = false;
            if let Some(name) = line.strip_prefix("+++ ") {
                target = target_of(name);
            } else if let Some(next) = Hunk::parse(line) {
                hunk = next;
            }
            continue;
        }
        let Some(added) = line.strip_prefix('+') else {
            is_run = false;
            // The mark of a file without a line end is no line.
            if !line.starts_with('\\') {
                hunk.old = hunk.old.saturating_sub(1);
                if !line.starts_with('-') {
                    hunk.new = hunk.new.saturating_sub(1);
                    hunk.at += 1;
                }
            }
            continue;
        };
        match passages.last_mut().filter(|_| is_run) {
            Some(passage) => passage.text = format!("{}\n{added}", passage.text),
            None => passages.push(Passage {
                text: added.to_owned(),
                line: index + 1,
                own: None,
                target: target.clone().map(|path| (path, hunk.at)),
            }),
        }
        is_run = true;
        hunk.new = hunk.new.saturating_sub(1);
        hunk.at += 1;
    }
    passages
}

/// What is left of a hunk.
#[derive(Clone, Copy, Debug, Default)]
struct Hunk {
    /// Lines of the old file.
    old: usize,
    /// Lines of the new file.
    new: usize,
    /// The next line's number in the new file.
    at: usize,
}

impl Hunk {
    /// Reads `@@ -1,5 +1,6 @@ ...`.
    fn parse(line: &str) -> Option<Self> {
        let (ranges, _) = line.strip_prefix("@@ -")?.split_once(" @@")?;
        let (old, new) = ranges.split_once(" +")?;
        let range = |text: &str| {
            let (start, count) = text.split_once(',').unwrap_or((text, "1"));
            Some((start.parse::<usize>().ok()?, count.parse::<usize>().ok()?))
        };
        let ((_, old), (at, new)) = (range(old)?, range(new)?);
        Some(Self { old, new, at })
    }

    fn is_over(self) -> bool {
        self.old == 0 && self.new == 0
    }
}

/// The path in `b/src/a.rs`, perhaps with a time behind it.
fn target_of(name: &str) -> Option<String> {
    let name = name.split('\t').next().unwrap_or_default().trim_end_matches('\r');
    let path = name.strip_prefix("b/").unwrap_or(name);
    (path != "/dev/null" && !path.starts_with('"') && !path.is_empty()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const DIFF: &str = "\
From: somebody

+++ this is said in the message
diff --git a/src/a.rs b/src/a.rs
--- a/src/a.rs
+++ b/src/a.rs
@@ -1,3 +1,5 @@ fn main() {
 kept
+one
++++ two
-gone
+three

@@ -9 +11,2 @@
-old
+new
+newer
\\ No newline at end of file
diff --git a/gone.rs b/gone.rs
--- a/gone.rs
+++ /dev/null
@@ -1 +0,0 @@
-+++ b/not.rs
--- /dev/null
+++ \"b/strange\\303\\251.rs\"
@@ -0,0 +1 @@
+strange
--- old.c\t2026-01-01
+++ new.c\t2026-01-02
@@ -0,0 +7,1 @@
+last";

    #[test]
    fn runs_of_added_lines_and_where_they_belong() {
        let shown: String = of_diff(DIFF)
            .iter()
            .map(|Passage { text, line, target, .. }| format!("{line} {target:?} {text:?}\n"))
            .collect();
        expect![[r#"
            9 Some(("src/a.rs", 2)) "one\n+++ two"
            12 Some(("src/a.rs", 4)) "three"
            16 Some(("src/a.rs", 11)) "new\nnewer"
            27 None "strange"
            31 Some(("new.c", 7)) "last"
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn what_looks_like_a_diff() {
        assert!(looks_like_diff(DIFF));
        for text in ["", "+++ a\n", "@@ -1 +1 @@\n+a", "+++ a\n@@ -x +1 @@\n"] {
            assert!(!looks_like_diff(text), "{text}");
        }
    }
}
