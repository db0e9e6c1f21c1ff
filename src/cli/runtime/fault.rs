//! What is wrong with the text of a file, and where.

use std::fmt;

/// A mistake and its place, both counted from 1. Never says what the file holds, which may be somebody's password.
#[derive(Debug)]
pub(super) struct Fault {
    line: usize,
    column: usize,
    reason: String,
}

impl Fault {
    /// The mistake at this byte.
    pub(super) fn at(text: &str, offset: usize, reason: String) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { line, column, reason }
    }

    pub(super) fn of_json(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let reason = error.to_string();
        let reason = reason.trim_end_matches(&format!(" at line {line} column {column}")).to_owned();
        Self { line: line.max(1), column: column.max(1), reason }
    }

    pub(super) fn of_toml(text: &str, error: &toml_edit::TomlError) -> Self {
        // Its other texts quote the line.
        Self::at(text, error.span().map_or(0, |span| span.start), error.message().replace('\n', ", "))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.reason)
    }
}
