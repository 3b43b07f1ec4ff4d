//! HTML that cannot be injected into.
//!
//! The report shows code, paths and licence names from arbitrary repositories. [`Html`] can only come from templates in
//! Prentice's own source, and whatever is put into a template is escaped by its type unless it is [`Html`] already:
//! forgetting to escape does not compile. As a second wall the page's content security policy forbids every script and
//! every request.

use crate::terminal::is_bidi_override;

/// A piece of markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// Markup from Prentice's own source, as it is.
    pub fn own(source: &'static str) -> Self {
        Self(source.to_owned())
    }

    /// The markup as text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(pieces: I) -> Self {
        Self(pieces.into_iter().map(|piece| piece.0).collect())
    }
}

/// What can be put into a template.
pub trait ToHtml {
    /// Appends the value as markup; text is escaped.
    fn append_to(&self, html: &mut String);
}

impl ToHtml for Html {
    fn append_to(&self, html: &mut String) {
        html.push_str(&self.0);
    }
}

impl ToHtml for str {
    fn append_to(&self, html: &mut String) {
        escape(self, html);
    }
}

impl ToHtml for &str {
    fn append_to(&self, html: &mut String) {
        escape(self, html);
    }
}

impl ToHtml for String {
    fn append_to(&self, html: &mut String) {
        escape(self, html);
    }
}

impl ToHtml for u64 {
    fn append_to(&self, html: &mut String) {
        html.push_str(&self.to_string());
    }
}

/// A coordinate or a percentage within an attribute: at most two decimal places, always finite.
impl ToHtml for f64 {
    fn append_to(&self, html: &mut String) {
        let value = if self.is_finite() { *self } else { 0.0 };
        let text = format!("{value:.2}");
        html.push_str(text.trim_end_matches('0').trim_end_matches('.'));
    }
}

/// Fills the `{}` of a template, in order.
///
/// # Panics
/// The template has another number of places than there are values: a mistake in Prentice's own source.
pub fn html(template: &'static str, values: &[&dyn ToHtml]) -> Html {
    let mut pieces = template.split("{}");
    let mut text = String::with_capacity(template.len() + 16 * values.len());
    text.push_str(pieces.next().unwrap_or_default());
    for value in values {
        value.append_to(&mut text);
        text.push_str(pieces.next().unwrap_or_else(|| panic!("more values than places in {template}")));
    }
    assert!(pieces.next().is_none(), "more places than values in {template}");
    Html(text)
}

/// Fills the `{{name}}` of a page, each by the value of that name.
///
/// # Panics
/// The page names a value that is not given: a mistake in Prentice's own source.
pub fn fill_page(page: &'static str, values: &[(&str, &dyn ToHtml)]) -> Html {
    let mut pieces = page.split("{{");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or_else(|| panic!("open place in the page: {piece}"));
        let (_, value) = values.iter().find(|(key, _)| *key == name).unwrap_or_else(|| panic!("no value for {name}"));
        value.append_to(&mut text);
        text.push_str(rest);
    }
    Html(text)
}

/// Escapes text for element content and for quoted attributes alike, and spells out what would be invisible or would
/// change the order of what is shown.
fn escape(text: &str, html: &mut String) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' | '\t' => html.push(character),
            character if character.is_control() || is_bidi_override(character) => {
                html.extend(character.escape_unicode());
            }
            character => html.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn text_is_escaped_and_markup_is_not() {
        let hostile = "</b><script>alert('x')</script>\" onload=\"&amp;\u{0}\u{202e}\t{}{{title}}";
        let inner = html("<i>{}</i>", &[&hostile]);
        expect![[r#"<b title="&lt;/b&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;&amp;amp;\u{0}\u{202e}	{}{{title}}"><i>&lt;/b&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot; onload=&quot;&amp;amp;\u{0}\u{202e}	{}{{title}}</i> 7 0.12</b>"#]].assert_eq(&html("<b title=\"{}\">{} {} {}</b>", &[&hostile, &inner, &7, &0.125]).into_string());
    }

    #[test]
    fn what_was_filled_in_is_not_filled_again() {
        let page = fill_page("<p>{{a}}</p>{{b}}", &[("a", &"{{b}}"), ("b", &Html::own("<hr>"))]);
        expect!["<p>{{b}}</p><hr>"].assert_eq(&page.into_string());
    }
}
