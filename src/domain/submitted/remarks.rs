//! What is said about what was submitted.

use std::cell::{Cell, RefCell};
use std::fmt;

use super::{Node, Place};

/// A mistake or a warning: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    path: String,
    at: Option<Place>,
    reason: String,
}

/// What is accepted, and should be looked at.
pub type Warning = Remark;

impl Remark {
    /// The JSON path, spelled as in what was submitted; empty for all of it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where it stands in the text, if it comes from one.
    pub fn at(&self) -> Option<Place> {
        self.at
    }

    /// What is wrong, and what to do.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The remark with its place in a file: `FILE:LINE:COLUMN: PATH: REASON`.
    pub fn in_file(&self, file: &str) -> String {
        match self.at {
            Some(Place { line, column }) => format!("{file}:{line}:{column}: {}", self.said()),
            None => format!("{file}: {}", self.said()),
        }
    }

    fn said(&self) -> String {
        if self.path.is_empty() { self.reason.clone() } else { format!("{}: {}", self.path, self.reason) }
    }
}

/// `PATH: REASON`.
impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(Place { line, column }) if self.path.is_empty() => {
                write!(f, "line {line}, column {column}: {}", self.reason)
            }
            _ => f.write_str(&self.said()),
        }
    }
}

/// Every mistake of what was submitted, and the warnings beside them. Never without a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    remarks: Vec<Remark>,
    /// How many more there are.
    unsaid: usize,
}

impl Mistakes {
    /// How many remarks are kept: enough for a person, and little enough for an error that travels.
    pub const MOST: usize = 64;

    /// Mistakes that were found elsewhere, each with its path.
    pub fn of(found: impl IntoIterator<Item = (String, String)>) -> Option<Self> {
        let mut remarks: Vec<_> = found.into_iter().map(|(path, reason)| Remark { path, at: None, reason }).collect();
        let unsaid = remarks.len().saturating_sub(Self::MOST);
        remarks.truncate(Self::MOST);
        (!remarks.is_empty()).then_some(Self { remarks, unsaid })
    }

    /// The mistake of a text that can't be read from a place on.
    pub fn at(place: Place, reason: String) -> Self {
        Self { remarks: vec![Remark { path: String::new(), at: Some(place), reason }], unsaid: 0 }
    }

    /// The mistakes of a text that can't be read.
    pub fn in_text(found: impl IntoIterator<Item = (Place, String)>) -> Option<Self> {
        let remark = |(place, reason)| Remark { path: String::new(), at: Some(place), reason };
        let remarks: Vec<_> = found.into_iter().map(remark).take(Self::MOST).collect();
        (!remarks.is_empty()).then_some(Self { remarks, unsaid: 0 })
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Remark> {
        self.remarks.iter()
    }

    /// One line for each, with its place in a file.
    pub fn in_file(&self, file: &str) -> String {
        self.lines(|remark| remark.in_file(file))
    }

    fn lines(&self, line: impl Fn(&Remark) -> String) -> String {
        let unsaid = (self.unsaid > 0).then(|| format!("and {} more", self.unsaid));
        self.remarks.iter().map(line).chain(unsaid).collect::<Vec<_>>().join("\n")
    }
}

/// One line for each, `PATH: REASON`.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines(Remark::to_string))
    }
}

impl std::error::Error for Mistakes {}

/// How fields may be spelled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum Spelling {
    /// `image_ref` or `imageRef`, as proto3 JSON takes them.
    Proto,
    /// The same of a message, of which nobody knows how it was spelled: places are told by the protocol's names.
    Message,
    /// `name_prefix` alone.
    Snake,
}

/// What has been found so far.
pub(in crate::domain) struct Reading {
    pub(super) spelling: Spelling,
    remarks: RefCell<Vec<Remark>>,
    unsaid: Cell<usize>,
    failed: Cell<bool>,
}

impl Reading {
    pub(in crate::domain) fn new(spelling: Spelling) -> Self {
        Self { spelling, remarks: RefCell::default(), unsaid: Cell::default(), failed: Cell::default() }
    }

    /// Whether what is found from now on is only counted, so that nobody need think of what was meant.
    pub(super) fn is_full(&self) -> bool {
        self.remarks.borrow().len() == Mistakes::MOST
    }

    pub(super) fn mistake(&self, path: &str, at: Option<Place>, reason: String) {
        self.failed.set(true);
        self.warning(path, at, reason);
    }

    pub(super) fn warning(&self, path: &str, at: Option<Place>, reason: String) {
        let mut remarks = self.remarks.borrow_mut();
        if remarks.len() == Mistakes::MOST {
            self.unsaid.set(self.unsaid.get() + 1);
            return;
        }
        remarks.push(Remark { path: path.to_owned(), at, reason });
    }

    /// What was read, unless there was a mistake. Nothing is missing without one.
    pub(in crate::domain) fn done<T>(self, read: Option<T>) -> Result<(T, Vec<Warning>), Mistakes> {
        let mut remarks = self.remarks.into_inner();
        // In the order of the text; else in the order in which they were found.
        remarks.sort_by_key(|remark| remark.at);
        match read {
            Some(read) if !self.failed.get() => Ok((read, remarks)),
            _ => Err(Mistakes { remarks, unsaid: self.unsaid.get() }),
        }
    }
}

impl Mistakes {
    /// The mistake of more text than anybody needs, if it is that.
    pub(in crate::domain) fn of_length(node: &Node, most: usize) -> Option<Self> {
        let bytes = node.bytes();
        let reason = || format!("it has {bytes} bytes of text: at most {most} are allowed");
        (bytes > most)
            .then(|| Self { remarks: vec![Remark { path: String::new(), at: None, reason: reason() }], unsaid: 0 })
    }
}
