//! Aligned tables for the terminal.
//!
//! Widths are display widths, so that wide characters line up. Cells are made harmless: a path with an escape sequence
//! in it is shown, not obeyed.

use unicode_width::UnicodeWidthStr as _;

use crate::terminal::visible;

/// On which side a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// The table as text, one line a row, each ended by a newline: the titles, a rule, the rows.
///
/// A row may be shorter than the titles; what is missing is blank. Cells beyond the last title are not shown.
pub fn table(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| (0..columns.len()).map(|i| row.get(i).map_or_else(String::new, |cell| visible(cell))).collect())
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, (title, _))| cells.iter().map(|row| row[i].width()).fold(title.width(), usize::max))
        .collect();
    let line = |texts: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (i, text) in texts.enumerate() {
            let padding = " ".repeat(widths[i] - text.width());
            let gap = if i == 0 { "" } else { "  " };
            line += &match columns[i].1 {
                Align::Left => format!("{gap}{text}{padding}"),
                Align::Right => format!("{gap}{padding}{text}"),
            };
        }
        format!("{}\n", line.trim_end())
    };
    let mut text = line(&mut columns.iter().map(|(title, _)| *title));
    let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    text += &line(&mut rules.iter().map(String::as_str));
    for row in &cells {
        text += &line(&mut row.iter().map(String::as_str));
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(columns: &[(&str, Align)], rows: &[&[&str]], expected: Expect) {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        expected.assert_eq(&table(columns, &rows));
    }

    #[test]
    fn columns_line_up() {
        use Align::{Left, Right};
        check(
            &[("reason", Left), ("files", Right), ("size", Right), ("example", Left)],
            &[
                &["generated", "1,234", "12.3 MB", "src/parser.rs"],
                &["日本語", "7", "999 B", "資料/読む.py"],
                &["escape", "1", "10 B", "a\x1b[2Jb\n"],
                &["short"],
            ],
            expect![[r#"
                reason     files     size  example
                ─────────  ─────  ───────  ────────────────
                generated  1,234  12.3 MB  src/parser.rs
                日本語         7    999 B  資料/読む.py
                escape         1     10 B  a\u{1b}[2Jb\u{a}
                short
            "#]],
        );
        check(
            &[("nothing", Left), ("n", Right)],
            &[],
            expect![[r#"
            nothing  n
            ───────  ─
        "#]],
        );
    }
}
