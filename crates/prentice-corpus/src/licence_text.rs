//! Licences recognised in text: whole licence files, and the notices at the head of a source file.
//!
//! Text is normalised (lower case, every run of anything but letters and digits becomes one space) and compared with
//! phrases that only the licence itself contains. That is coarser than a similarity search over all SPDX texts, but has
//! no grey zone: what is not recognised becomes `LicenseRef-unrecognised`, which is never permissive.

use std::borrow::Cow;

use crate::{
    language::{LanguageKind, beginning, identify},
    licence::{Declaration, parse},
};

/// Notices and SPDX tags are looked for in this many bytes from the start.
const HEADER_BYTES: usize = 4096;

/// What a licence file whose text is not recognised is taken for.
pub(crate) const UNRECOGNISED: &str = "LicenseRef-unrecognised";

struct LicenceText {
    id: &'static str,
    /// Words of the licence, to tell how much of a file it accounts for.
    words: usize,
    /// All of these occur in the text...
    present: &'static [&'static str],
    /// ... and none of these.
    absent: &'static [&'static str],
}

const MIT_GRANT: &str = "permission is hereby granted free of charge to any person obtaining a copy of this software";
const MIT_CONDITION: &str = "the above copyright notice and this permission notice";
const BSD_GRANT: &str = "redistribution and use in source and binary forms with or without modification are permitted";
const BSD_BINARY: &str = "redistributions in binary form must reproduce";
const BSD_ENDORSE: &str = "endorse or promote products";
const BSD_ADVERTISE: &str = "advertising materials mentioning features";
const LGPL_3: &str = "gnu lesser general public license version 3 29 june 2007";
const BEOPEN: &str = "beopen python open source license agreement";
const PSF: &str = "psf is making python available to licensee on an as is basis";

static TEXTS: &[LicenceText] = &[
    text("MIT", 170, &[MIT_GRANT, MIT_CONDITION]),
    LicenceText { id: "MIT-0", words: 140, present: &[MIT_GRANT], absent: &[MIT_CONDITION] },
    text("Apache-2.0", 1600, &["apache license version 2 0 january 2004", "grant of patent license"]),
    LicenceText {
        id: "BSD-2-Clause",
        words: 190,
        present: &[BSD_GRANT, BSD_BINARY],
        absent: &[BSD_ENDORSE, BSD_ADVERTISE],
    },
    LicenceText {
        id: "BSD-3-Clause",
        words: 225,
        present: &[BSD_GRANT, BSD_BINARY, BSD_ENDORSE],
        absent: &[BSD_ADVERTISE],
    },
    text("BSD-4-Clause", 245, &[BSD_GRANT, BSD_ADVERTISE]),
    LicenceText { id: "BSD-1-Clause", words: 150, present: &[BSD_GRANT], absent: &[BSD_BINARY, BSD_ADVERTISE] },
    text("ISC", 125, &["distribute this software for any purpose with or without fee is hereby granted provided that"]),
    text(
        "0BSD",
        110,
        &["distribute this software for any purpose with or without fee is hereby granted the software is"],
    ),
    text("MPL-2.0", 2450, &["mozilla public license version 2 0", "covered software"]),
    text("MPL-1.1", 3600, &["mozilla public license version 1 1", "covered code"]),
    text("GPL-1.0-only", 2100, &["gnu general public license version 1 february 1989"]),
    text("GPL-2.0-only", 2980, &["gnu general public license version 2 june 1991"]),
    // The third version of the LGPL is an addition to that of the GPL, and often comes with it.
    LicenceText {
        id: "GPL-3.0-only",
        words: 5650,
        present: &["gnu general public license version 3 29 june 2007"],
        absent: &[LGPL_3],
    },
    text("LGPL-2.0-only", 4200, &["gnu library general public license version 2 june 1991"]),
    text("LGPL-2.1-only", 4400, &["gnu lesser general public license version 2 1 february 1999"]),
    text("LGPL-3.0-only", 6800, &[LGPL_3]),
    text("AGPL-3.0-only", 5620, &["gnu affero general public license version 3 19 november 2007"]),
    text("Unlicense", 215, &["this is free and unencumbered software released into the public domain"]),
    text("Python-2.0", 1800, &[PSF, BEOPEN, "cnri"]),
    LicenceText { id: "PSF-2.0", words: 390, present: &[PSF], absent: &[BEOPEN] },
    text(
        "Zlib",
        135,
        &[
            "without any express or implied warranty in no event will the authors be held liable",
            "altered source versions must be plainly marked",
        ],
    ),
    text(
        "CC0-1.0",
        1060,
        &["the laws of most jurisdictions throughout the world automatically confer exclusive copyright"],
    ),
    text("BSL-1.0", 230, &["boost software license version 1 0", "free of charge to any person or organization"]),
    text("Unicode-3.0", 350, &["unicode license v3", "data files or software"]),
    text(
        "Unicode-DFS-2016",
        400,
        &["obtaining a copy of the unicode data files", "data files or software without restriction"],
    ),
    text("BlueOak-1.0.0", 250, &["blue oak model license version 1 0 0"]),
    text("WTFPL", 80, &["do what the fuck you want to public license"]),
    text("EPL-2.0", 2300, &["eclipse public license v 2 0", "the accompanying program"]),
    text("BUSL-1.1", 700, &["business source license 1 1"]),
    text("SSPL-1.0", 5900, &["server side public license version 1"]),
    // Riders that take back what a permissive text grants.
    text("LicenseRef-commons-clause", 100, &["commons clause"]),
    text("LicenseRef-non-commercial", 0, &["non commercial use only"]),
    text("LicenseRef-non-commercial", 0, &["for non commercial purposes only"]),
];

const fn text(id: &'static str, words: usize, present: &'static [&'static str]) -> LicenceText {
    LicenceText { id, words, present, absent: &[] }
}

/// Words with which a file states its licence without containing its text. Where several match, all count.
const NOTICES: &[(&str, &str)] = &[
    ("gnu affero general public license", "AGPL-3.0-or-later"),
    ("gnu lesser general public license", "LGPL-2.1-or-later"),
    ("gnu library general public license", "LGPL-2.0-or-later"),
    ("gnu general public license version 3", "GPL-3.0-or-later"),
    ("gnu general public license", "GPL-2.0-or-later"),
    ("mozilla public license", "MPL-2.0"),
    ("eclipse public license", "EPL-2.0"),
    ("common development and distribution license", "CDDL-1.0"),
    ("proprietary and confidential", "LicenseRef-proprietary"),
    ("confidential and proprietary", "LicenseRef-proprietary"),
    ("creative commons attribution", "LicenseRef-creative-commons"),
    ("under the apache license version 2 0", "Apache-2.0"),
    ("under the apache 2 0 license", "Apache-2.0"),
    ("released under the mit license", "MIT"),
    ("licensed under the mit license", "MIT"),
    ("under the terms of the mit license", "MIT"),
    ("licensed to psf under a contributor agreement", "PSF-2.0"),
    ("boost software license version 1 0", "BSL-1.0"),
];

/// Whether the name is that of a licence file.
pub(crate) fn is_licence_file(path: &str) -> bool {
    let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
    let upper = file.to_ascii_uppercase();
    let named =
        ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "UNLICENSE", "UNLICENCE", "MIT-LICENSE", "APACHE-LICENSE"]
            .iter()
            .filter_map(|name| upper.strip_prefix(name))
            .any(|rest| rest.is_empty() || rest.starts_with(['-', '.', '_', 'S']));
    // `licence.rs` is about licences. `LICENSES/` (REUSE) holds texts to which file headers refer, one by one.
    let is_code = identify(file, "").is_some_and(|language| language.kind == LanguageKind::Code);
    named && !is_code && directory.rsplit('/').next() != Some("LICENSES")
}

/// What a licence file grants.
pub(crate) fn licence_file(text: &str) -> Declaration {
    let normal = normalise(text);
    let found = recognised(&normal);
    let actual_words = normal.split(' ').filter(|word| !word.is_empty()).count();
    let words: usize = found.iter().map(|licence| licence.words).sum();
    let share = (words as f32 / actual_words.max(1) as f32).min(1.0);
    let mut names: Vec<&str> = found.iter().map(|licence| licence.id).collect();
    names.dedup();
    if names.is_empty() {
        let said = if actual_words <= POINTER_WORDS { pointer(text, &normal) } else { None };
        let expression = said.or_else(|| notices(&normal, &names)).unwrap_or(Cow::Borrowed(UNRECOGNISED));
        return Declaration { expression: expression.into_owned(), rule: "licence-notice", score: 0.5 };
    }
    // More than half of the text is something else, and it might take back what the rest grants.
    if share < 0.5 {
        names.push(UNRECOGNISED);
    }
    Declaration { expression: names.join(" AND "), rule: "licence-text", score: share }
}

/// A licence file of at most this many words can be one that only points to others.
const POINTER_WORDS: usize = 100;

/// The choice that a file like "dual-licensed under the Unlicense and MIT licenses" offers, or the SPDX expression that is
/// all there is in it.
fn pointer(text: &str, normal: &str) -> Option<Cow<'static, str>> {
    if parse(text.trim()).is_some() {
        return Some(text.trim().to_owned().into());
    }
    let choice = ["dual licensed", "either license", "under either of"].iter().any(|words| normal.contains(words));
    let words: Vec<&str> = normal.split(' ').collect();
    if !choice
        || words.iter().any(|word| word.contains("gpl") || matches!(*word, "gnu" | "mpl" | "mozilla" | "commercial"))
    {
        return None;
    }
    let known =
        [("unlicense", "Unlicense"), ("apache", "Apache-2.0"), ("mit", "MIT"), ("zlib", "Zlib"), ("isc", "ISC")];
    let named: Vec<_> = known.iter().filter(|(word, _)| words.contains(word)).map(|(_, name)| *name).collect();
    (named.len() >= 2).then(|| named.join(" OR ").into())
}

/// What the head of a source file says about its own licence.
pub(crate) fn header(text: &str) -> Vec<Declaration> {
    let head = beginning(text, HEADER_BYTES);
    let mentions = |word: &str| memchr::memmem::find(head.as_bytes(), word.as_bytes()).is_some();
    if !["icens", "ICENS", "icenc", "ermission", "onfidential", "edistribution"].iter().any(|word| mentions(word)) {
        return Vec::new();
    }
    let tags: Vec<_> = head.lines().filter_map(spdx_tag).map(|tag| Declaration::declared(tag, "spdx-header")).collect();
    if !tags.is_empty() {
        return tags;
    }
    let normal = normalise(head);
    let mut names: Vec<&str> = recognised(&normal).iter().map(|licence| licence.id).collect();
    names.dedup();
    let notices = notices(&normal, &names);
    let expression = match (names.is_empty(), notices) {
        (true, None) => return Vec::new(),
        (true, Some(notices)) => notices.into_owned(),
        (false, None) => names.join(" AND "),
        (false, Some(notices)) => format!("{} AND ({notices})", names.join(" AND ")),
    };
    vec![Declaration { expression, rule: "licence-notice", score: 0.9 }]
}

/// The expression of a line that holds an SPDX tag and nothing but comment marks before it.
fn spdx_tag(line: &str) -> Option<&str> {
    let (before, expression) = line.split_once("SPDX-License-Identifier:")?;
    let is_comment = !before.contains(|c: char| c.is_alphanumeric() || c == '"' || c == '\'' || c == '`');
    let expression = expression.split("*/").next()?.split("-->").next()?;
    is_comment.then(|| expression.trim().trim_end_matches(['#', ';', '}']).trim())
}

pub(crate) fn recognised_name(text: &str) -> Option<&'static str> {
    recognised(&normalise(text)).first().map(|licence| licence.id)
}

fn recognised(normal: &str) -> Vec<&'static LicenceText> {
    let contains = |phrase: &&str| memchr::memmem::find(normal.as_bytes(), phrase.as_bytes()).is_some();
    TEXTS.iter().filter(|text| text.present.iter().all(contains) && !text.absent.iter().any(contains)).collect()
}

/// What the text says about its licence, beyond the licences whose texts it contains.
fn notices(normal: &str, contained: &[&str]) -> Option<Cow<'static, str>> {
    if normal.contains("apache license version 2 0") && normal.contains(" or the mit license") {
        return Some("MIT OR Apache-2.0".into());
    }
    let mut names: Vec<&str> = Vec::new();
    for (phrase, name) in NOTICES {
        // `GPL-2.0-or-later` is the reading of last resort of a GPL notice.
        let covered = *name == "GPL-2.0-or-later" && names.contains(&"GPL-3.0-or-later");
        let family = name.split('-').next().unwrap_or(name);
        let known = names.contains(name) || contained.iter().any(|id| id.split('-').next() == Some(family));
        if normal.contains(phrase) && !known && !covered {
            names.push(name);
        }
    }
    match names.as_slice() {
        [] => None,
        [name] => Some((*name).into()),
        names => Some(names.join(" AND ").into()),
    }
}

/// Lower case, with one space for every run of anything but letters and digits.
pub(crate) fn normalise(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_alphanumeric() {
            normal.extend(c.to_lowercase());
        } else if !normal.ends_with(' ') {
            normal.push(' ');
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts of the SPDX list itself.
    #[test]
    fn licence_texts() {
        for id in [
            "MIT",
            "MIT-0",
            "Apache-2.0",
            "BSD-1-Clause",
            "BSD-2-Clause",
            "BSD-3-Clause",
            "BSD-4-Clause",
            "ISC",
            "0BSD",
            "MPL-1.1",
            "MPL-2.0",
            "GPL-1.0-only",
            "GPL-2.0-only",
            "GPL-3.0-only",
            "LGPL-2.0-only",
            "LGPL-2.1-only",
            "LGPL-3.0-only",
            "AGPL-3.0-only",
            "Unlicense",
            "PSF-2.0",
            "Python-2.0",
            "Zlib",
            "CC0-1.0",
            "BSL-1.0",
            "Unicode-3.0",
            "Unicode-DFS-2016",
            "BlueOak-1.0.0",
            "WTFPL",
            "EPL-2.0",
            "BUSL-1.1",
            "SSPL-1.0",
        ] {
            let found = licence_file(spdx::license_id(id).unwrap().text());
            assert_eq!(found.expression, id);
            assert!(found.score > 0.7, "{id}: {}", found.score);
        }
    }

    #[test]
    fn licence_files_that_are_more_or_less_than_one_text() {
        let mit = spdx::license_id("MIT").unwrap().text();
        let isc = spdx::license_id("ISC").unwrap().text();
        for (text, expected) in [
            (format!("{mit}\n\n{isc}"), "MIT AND ISC"),
            (format!("{mit}\n{}", "Further terms apply to all users. ".repeat(60)), "MIT AND LicenseRef-unrecognised"),
            (format!("\"Commons Clause\" License Condition v1.0\n{mit}"), "MIT AND LicenseRef-commons-clause"),
            ("You may look but not touch.".into(), "LicenseRef-unrecognised"),
            ("This program is under the GNU General Public License.".into(), "GPL-2.0-or-later"),
            ("This project is dual-licensed under the Unlicense and MIT licenses.".into(), "Unlicense OR MIT"),
            ("Dual-licensed under MIT and, for a fee, a commercial Apache licence.".into(), "LicenseRef-unrecognised"),
            ("MIT OR Apache-2.0\n".into(), "MIT OR Apache-2.0"),
            (String::new(), "LicenseRef-unrecognised"),
        ] {
            let found = licence_file(&text).expression;
            assert_eq!(found, expected, "{text}");
            assert!(parse(&found).is_some(), "{found}");
        }
    }

    #[test]
    fn licence_file_names() {
        for (path, expected) in [
            ("LICENSE", true),
            ("a/LICENSE-MIT", true),
            ("Licence.txt", true),
            ("COPYING.LESSER", true),
            ("LICENSE.md", true),
            ("UNLICENSE", true),
            ("licence.rs", false),
            ("license_text.py", false),
            ("LICENSES/GPL-2.0-only.txt", false),
            ("LICENSES/LICENSE.txt", false),
            ("README", false),
        ] {
            assert_eq!(is_licence_file(path), expected, "{path}");
        }
    }

    #[test]
    fn headers() {
        let mit = spdx::license_id("MIT").unwrap().text();
        for (text, expected) in [
            ("// SPDX-License-Identifier: MIT OR Apache-2.0\nfn main() {}\n", "spdx-header MIT OR Apache-2.0"),
            (
                "/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */\n",
                "spdx-header GPL-2.0 WITH Linux-syscall-note",
            ),
            ("<!-- SPDX-License-Identifier: CC0-1.0 -->\n", "spdx-header CC0-1.0"),
            ("# Licensed under the Apache License, Version 2.0 (the \"License\");\n", "licence-notice Apache-2.0"),
            (
                "// Licensed under the Apache License, Version 2.0 <A> or the MIT license\n// <B>, at your option.",
                "licence-notice MIT OR Apache-2.0",
            ),
            (
                "# under the terms of the GNU General Public\n# License, version 3, as published by the FSF\n",
                "licence-notice GPL-3.0-or-later",
            ),
            ("/* the GNU Lesser\n * General Public License */", "licence-notice LGPL-2.1-or-later"),
            ("# Licensed to PSF under a Contributor Agreement.\n", "licence-notice PSF-2.0"),
            ("let tag = \"SPDX-License-Identifier: MIT\";\n", ""),
            ("// Opens a licence file.\n", ""),
            ("fn main() {}\n", ""),
            (mit, "licence-notice MIT"),
        ] {
            let found: Vec<_> = header(text).iter().map(|one| format!("{} {}", one.rule, one.expression)).collect();
            assert_eq!(found.join(", "), expected, "{text}");
        }
    }
}
