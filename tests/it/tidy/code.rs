//! Rust text, split far enough to tell code from comments, literals and tests.

use std::ops::Range;
use std::path::Path;

use super::paths::{self, is_word_char};

/// A file of the source.
pub(super) struct Source {
    /// From the root.
    pub(super) path: String,
    pub(super) text: String,
    /// Every word of the code, tests included, and where it stands.
    pub(super) words: Vec<(usize, String)>,
    /// Every path in the code but for tests, as `a::b`, `use` trees taken apart; `crate` before what is this crate's.
    pub(super) paths: Vec<(usize, String)>,
    /// Every literal but for tests, with its quotes.
    pub(super) literals: Vec<(usize, String)>,
    /// The text with blanks for comments and literals.
    pub(super) code: String,
}

impl Source {
    pub(super) fn new(path: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        let (code, literals) = if has_extension(path, "rs") { split(&text) } else { Default::default() };
        let tests = tests(&code);
        let is_product = |at: usize| !path.ends_with("/tests.rs") && !tests.iter().any(|range| range.contains(&at));
        let tokens = paths::tokens(&code);
        let paths = paths::paths(&tokens, path).into_iter().filter(|(at, _)| is_product(*at)).collect();
        let literals = literals.into_iter().filter(|range| is_product(range.start));
        let literals = literals.map(|range| (range.start, text[range].to_owned())).collect();
        let words = tokens
            .iter()
            .filter(|(_, token)| token.starts_with(is_word_char))
            .map(|(at, word)| (*at, (*word).to_owned()));
        Self { path: path.to_owned(), words: words.collect(), paths, literals, code, text }
    }

    /// The line of a place in the text, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }
}

pub(super) fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

enum Piece {
    Code,
    Comment,
    Literal,
}

/// The code, as long as the text, and where its literals are.
fn split(text: &str) -> (String, Vec<Range<usize>>) {
    let mut code = String::new();
    let mut literals = Vec::new();
    while code.len() < text.len() {
        let at = code.len();
        let (piece, length) = piece(&text[at..], code.ends_with(is_word_char));
        let part = &text[at..at + length];
        match piece {
            Piece::Code => code.push_str(part),
            Piece::Comment => blank(part, &mut code),
            Piece::Literal => {
                literals.push(at..at + length);
                blank(part, &mut code);
            }
        }
    }
    (code, literals)
}

/// What a text begins with, and how long that is.
fn piece(text: &str, in_word: bool) -> (Piece, usize) {
    if text.starts_with("//") {
        return (Piece::Comment, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Piece::Comment, block_comment(text));
    }
    let literal = if in_word { None } else { raw_string(text) };
    match literal.or_else(|| string(text)).or_else(|| character(text)) {
        Some(length) => (Piece::Literal, length),
        None => (Piece::Code, text.chars().next().map_or(0, char::len_utf8)),
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    loop {
        let rest = &text[at..];
        match (rest.find("/*"), rest.find("*/")) {
            (Some(open), Some(close)) if open < close => {
                depth += 1;
                at += open + 2;
            }
            (_, Some(close)) => {
                depth -= 1;
                at += close + 2;
            }
            (_, None) => return text.len(),
        }
        if depth == 0 {
            return at;
        }
    }
}

/// `r"…"`, `r#"…"#`, and the same after `b` or `c`.
fn raw_string(text: &str) -> Option<usize> {
    let prefix = text.strip_prefix(['b', 'c']).unwrap_or(text);
    let hashes_on = prefix.strip_prefix('r')?;
    let quoted = hashes_on.trim_start_matches('#');
    let end = format!("\"{}", &hashes_on[..hashes_on.len() - quoted.len()]);
    let body = quoted.strip_prefix('"')?;
    Some(text.len() - body.len() + body.find(&end).map_or(body.len(), |at| at + end.len()))
}

fn string(text: &str) -> Option<usize> {
    let body = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = body.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    Some(end.map_or(text.len(), |end| end + 2))
}

/// `'x'` or `'\…'`; a lifetime is neither.
fn character(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    if body.starts_with('\\') {
        return body[2..].find('\'').map(|at| at + 4);
    }
    let first = body.chars().next()?;
    body[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 2)
}

fn blank(text: &str, code: &mut String) {
    text.bytes().for_each(|byte| code.push(if byte == b'\n' { '\n' } else { ' ' }));
}

/// Where the items are that only tests are built with.
fn tests(code: &str) -> Vec<Range<usize>> {
    code.match_indices("#[cfg(test)]").map(|(start, _)| start..item_end(code, start)).collect()
}

/// The end of an item: its `;`, or the brace that closes its first one.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (at, c) in code[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(c, ';' | '}') {
            return start + at + 1;
        }
    }
    code.len()
}
