//! Times and names as people read them.

use std::fmt::Write;

use askama::filters::{Html, escape};

use crate::audit::View;
use crate::domain::{Label, Timestamp};

/// A moment.
#[derive(Clone)]
pub(super) struct When {
    exact: String,
    /// How long ago, or in how long.
    pub(super) ago: String,
}

impl When {
    /// A moment, seen from now.
    pub(super) fn new(at: Timestamp) -> Self {
        Self::seen_from(at, Timestamp::now())
    }

    fn seen_from(at: Timestamp, now: Timestamp) -> Self {
        let seconds = now.duration_since(at).as_secs();
        let span = span(seconds.unsigned_abs());
        let ago = if seconds >= 0 { format!("{span} ago") } else { format!("in {span}") };
        Self { exact: format!("{at:.0}"), ago: if seconds.abs() < 2 { "just now".to_owned() } else { ago } }
    }

    /// As HTML; of a time nothing needs to be escaped.
    pub(super) fn html(&self) -> String {
        let Self { exact, ago } = self;
        format!("<time datetime=\"{exact}\" title=\"{exact}\">{ago}</time>")
    }

    /// The moment itself.
    pub(super) fn exact(&self) -> &str {
        &self.exact
    }
}

/// So many seconds, in the largest unit of which there are two.
pub(super) fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "min")];
    let (size, unit) = units.into_iter().find(|(size, _)| seconds >= 2 * size).unwrap_or((1, "s"));
    format!("{} {unit}", seconds / size)
}

/// A text as HTML, in which what stands between backticks is a command or a name.
pub(super) fn marked(text: &str) -> String {
    let mut parts = text.split('`').map(|part| escape(part, Html).map(|part| part.to_string()).unwrap_or_default());
    let mut html = parts.next().unwrap_or_default();
    while let Some(part) = parts.next() {
        let _ = write!(html, "<code>{part}</code>{}", parts.next().unwrap_or_default());
    }
    html
}

/// A label as it is written.
pub(super) fn label(label: &Label) -> String {
    format!("{}={}", label.name(), label.value())
}

/// Who an entry says has done something.
pub(super) fn actor(view: &View<'_>) -> String {
    match (&*view.actor.r#type, view.actor.uid, &view.actor.id) {
        ("user", Some(uid), _) => format!("user:{uid}"),
        ("token", _, Some(id)) => id.to_string(),
        (kind, ..) => kind.to_owned(),
    }
}

/// A container's id as engines show it.
pub(super) fn short(id: &str) -> String {
    if id.len() == 64 { id.chars().take(12).collect() } else { id.to_owned() }
}

/// A text for a URL's query.
pub(super) fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_marked_is_escaped() {
        assert_eq!(marked("Run `a <b`, see c & `d`"), "Run <code>a &#60;b</code>, see c &#38; <code>d</code>");
        assert_eq!(marked("<"), "&#60;");
    }

    #[test]
    fn times_are_told_from_now() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        for (moment, text) in [
            (100_000, "just now"),
            (99_990, "10 s ago"),
            (99_881, "119 s ago"),
            (99_880, "2 min ago"),
            (92_799, "2 h ago"),
            (100_300, "in 5 min"),
        ] {
            assert_eq!(When::seen_from(at(moment), at(100_000)).ago, text);
        }
    }
}
