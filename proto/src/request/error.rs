//! Why a request is refused.

use std::fmt;

use super::{
    ANNOTATION_PREFIX, CONTAINER_REQUEST, ENV_PREFIX, ENV_VARS, FILE_PREFIX, FileName, FilePath, InvalidFileName,
    InvalidFilePath, InvalidReference, MOST, VariableName,
};
use crate::id::InvalidEnvName;

/// A request that the container can't be given, and where it stands.
///
/// It never shows a value that a request carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    place: String,
    fault: Fault,
}

impl RequestError {
    /// The annotation's key and the JSON path in it, or the entry of the environment list.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong there.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}

impl std::error::Error for RequestError {}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No variable can have this name.
    Name(InvalidEnvName),
    /// The entry of the environment list has an empty name, or one with a NUL.
    NamelessReference,
    /// No secret can have this id, or no secret's version this number.
    Reference(InvalidReference),
    /// The text isn't JSON (RFC 8259).
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The JSON value is of another kind.
    Kind {
        /// The kind that was expected.
        expected: &'static str,
    },
    /// The JSON object has a key that means nothing here.
    UnknownKey,
    /// The JSON object has the key twice, or in both of its spellings.
    RepeatedKey,
    /// The variable was asked for before.
    RepeatedVariable {
        /// The variable.
        name: VariableName,
        /// Where it was asked for first.
        first: String,
    },
    /// The value has a NUL, which no environment can carry.
    Nul,
    /// The annotation is under our prefix and means nothing.
    UnknownAnnotation,
    /// No file can have this name.
    FileName(InvalidFileName),
    /// No file can be there.
    FilePath(InvalidFilePath),
    /// The annotation says where a file is to be that isn't asked for.
    PathAlone {
        /// The file.
        name: FileName,
    },
    /// Another file is at this place, above it or below it.
    SamePlace {
        /// The annotation of the other one.
        first: String,
        /// Where this one would be.
        path: FilePath,
    },
    /// The container asks for more than [`MOST`] variables or files.
    TooMany,
}

impl Fault {
    /// The error of this fault at a place.
    pub(super) fn at(self, place: impl Into<String>) -> RequestError {
        RequestError { place: place.into(), fault: self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(fault) => fault.fmt(f),
            Self::NamelessReference => f.write_str("a reference to a secret needs a variable's name before the ="),
            Self::Reference(fault) => fault.fmt(f),
            Self::Syntax { line, column } => write!(f, "not valid JSON at line {line}, column {column}"),
            Self::Kind { expected } => write!(f, "expected {expected}"),
            Self::UnknownKey => f.write_str("unknown key: check its spelling"),
            Self::RepeatedKey => f.write_str("the key is given twice: keep one"),
            Self::RepeatedVariable { name, first } => {
                write!(f, "variable {name} was asked for before, at {first}: keep one")
            }
            Self::Nul => f.write_str("the value has a NUL byte, which no environment variable can hold"),
            Self::UnknownAnnotation => write!(
                f,
                "unknown annotation under {ANNOTATION_PREFIX}: expected {ENV_VARS}, {CONTAINER_REQUEST}, {ENV_PREFIX}NAME or {FILE_PREFIX}NAME"
            ),
            Self::FileName(fault) => fault.fmt(f),
            Self::FilePath(fault) => fault.fmt(f),
            Self::PathAlone { name } => write!(
                f,
                "nothing asks for a file {name}: add {FILE_PREFIX}{name}; a file's name can't end in .path itself"
            ),
            Self::SamePlace { first, path } => {
                write!(f, "{path} is the place of another file, or above or below it, by {first}: name another place")
            }
            Self::TooMany => write!(f, "a container can ask for at most {MOST} variables and files"),
        }
    }
}
