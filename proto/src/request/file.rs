//! Files that a container asks for: annotations `ampoule.dev/file.NAME` and `ampoule.dev/file.NAME.path`.
//!
//! What ends in `.path` says where a file is wanted, so a file's name can't end so. A file of such a name is still to be
//! had, by another name and a path.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use super::{FILE_PREFIX, Fault, MOST, Reference, RequestError};
use crate::id::excerpt;

/// Where a file is unless its request says another place.
pub const FILES: &str = "/run/secrets";
/// What the key of a file's place ends with.
const PATH_SUFFIX: &str = ".path";
/// The longest name of a file and of each part of a path, in bytes: Linux's `NAME_MAX`.
const LONGEST_NAME: usize = 255;
/// The longest path, in bytes: each is in the audit log for ever.
const LONGEST_PATH: usize = 512;

/// One file that a container asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRequest {
    /// What the request calls it.
    pub name: FileName,
    /// Where it is to be, in the container.
    pub path: FilePath,
    /// The secret that it holds.
    pub secret: Reference,
}

impl FileRequest {
    /// The annotation that says where the file is to be, or the one that asks for it.
    pub fn key(&self) -> String {
        let suffix = if self.path == self.name.usual_path() { "" } else { PATH_SUFFIX };
        format!("{FILE_PREFIX}{}{suffix}", self.name)
    }
}

/// A file's name: at most 255 letters, digits, `.`, `_` and `-` of ASCII; neither `.` nor `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileName(String);

impl FileName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn usual_path(&self) -> FilePath {
        FilePath(format!("{FILES}/{self}"))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FileName {
    type Err = InvalidFileName;

    fn from_str(text: &str) -> Result<Self, InvalidFileName> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || [b'.', b'_', b'-'].contains(&b);
        let is_name = !["", ".", ".."].contains(&text) && text.len() <= LONGEST_NAME && text.bytes().all(fits);
        is_name.then(|| Self(text.to_owned())).ok_or(InvalidFileName)
    }
}

/// A text that is no file's name; not repeated, since it may be the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFileName;

impl fmt::Display for InvalidFileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a file's name: expected at most {LONGEST_NAME} letters, digits, dots, _ and -")
    }
}

impl std::error::Error for InvalidFileName {}

/// Where a file is to be: an absolute path of at most 512 bytes, not `/`, of parts that are neither empty nor `.` nor `..`.
///
/// It has no control character, so that an error or an entry of the log can show it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FilePath(String);

impl FilePath {
    /// The path as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether one of two paths is the other one, or below it: then both can't be files.
    pub fn collides(&self, other: &Self) -> bool {
        self.is_at_or_below(&other.0) || other.is_at_or_below(&self.0)
    }

    /// Whether this is that path or below it.
    pub fn is_at_or_below(&self, path: &str) -> bool {
        self.0.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FilePath {
    type Err = InvalidFilePath;

    fn from_str(text: &str) -> Result<Self, InvalidFilePath> {
        let fits = |part: &str| !["", ".", ".."].contains(&part) && part.len() <= LONGEST_NAME;
        let parts = text.strip_prefix('/').filter(|_| text.len() <= LONGEST_PATH && !text.contains(char::is_control));
        let is_path = parts.is_some_and(|parts| parts.split('/').all(fits));
        is_path.then(|| Self(text.to_owned())).ok_or(InvalidFilePath)
    }
}

/// A text that is no place for a file; not repeated, since it may be the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFilePath;

impl fmt::Display for InvalidFilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a place for a file: expected an absolute path of at most {LONGEST_PATH} bytes, without . and ..")
    }
}

impl std::error::Error for InvalidFilePath {}

/// Every file that a container asks for, in the order of the annotations. Empty if it asks for none.
///
/// ```
/// use ampoule_proto::request::parse_files;
///
/// let annotations = [("ampoule.dev/file.KEY", "sec_abc"), ("ampoule.dev/file.KEY.path", "/etc/tls/key.pem")];
/// let asked = parse_files(annotations).unwrap();
/// assert_eq!(asked[0].path.as_str(), "/etc/tls/key.pem");
/// ```
pub fn parse_files<'a>(
    annotations: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<FileRequest>, RequestError> {
    let (mut files, mut paths) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (key, value) in annotations {
        let Some(tail) = key.strip_prefix(FILE_PREFIX) else { continue };
        if !seen.insert(key) {
            return Err(Fault::RepeatedKey.at(format!("{FILE_PREFIX}{}", excerpt(tail))));
        }
        let name_of = |text: &str| -> Result<FileName, RequestError> {
            text.parse().map_err(|fault| Fault::FileName(fault).at(format!("{FILE_PREFIX}{}", excerpt(tail))))
        };
        if let Some(name) = tail.strip_suffix(PATH_SUFFIX) {
            let name = name_of(name)?;
            paths.push((key, name, value.parse().map_err(|fault| Fault::FilePath(fault).at(key))?));
            continue;
        }
        let name = name_of(tail)?;
        let secret = value.parse().map_err(|fault| Fault::Reference(fault).at(key))?;
        if files.len() == MOST {
            return Err(Fault::TooMany.at(key));
        }
        files.push(FileRequest { path: name.usual_path(), name, secret });
    }
    place(&mut files, paths)?;
    Ok(files)
}

/// Puts the files where they are wanted, each where no other is.
fn place(files: &mut [FileRequest], paths: Vec<(&str, FileName, FilePath)>) -> Result<(), RequestError> {
    let by_name: HashMap<_, _> = files.iter().enumerate().map(|(at, file)| (file.name.clone(), at)).collect();
    for (key, name, path) in paths {
        let Some(at) = by_name.get(&name) else { return Err(Fault::PathAlone { name }.at(key)) };
        files[*at].path = path;
    }
    // In this order the first one at or below a path comes right after it.
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by(|one, other| one.path.as_str().split('/').cmp(other.path.as_str().split('/')));
    match sorted.windows(2).find(|pair| pair[0].path.collides(&pair[1].path)) {
        Some(pair) => Err(Fault::SamePlace { first: pair[0].key(), path: pair[1].path.clone() }.at(pair[1].key())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(annotations: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
        let keys = annotations.iter().map(|(tail, value)| (format!("{FILE_PREFIX}{tail}"), *value)).collect::<Vec<_>>();
        let files = parse_files(keys.iter().map(|(key, value)| (key.as_str(), *value)));
        let shown = |file: FileRequest| (file.path.to_string(), file.secret.to_string());
        files.map(|files| files.into_iter().map(shown).collect()).map_err(|error| error.to_string())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(path, secret)| ((*path).to_owned(), (*secret).to_owned())).collect()
    }

    #[test]
    fn a_file_has_a_usual_place_and_may_have_another() {
        let usual = asked(&[("tls.key", "sec_a"), ("-x_1", "sec_b@3")]).expect("parses");
        assert_eq!(usual, pairs(&[("/run/secrets/tls.key", "sec_a"), ("/run/secrets/-x_1", "sec_b@3")]));
        let placed = [("A.path", "/etc/x y/ä"), ("A", "sec_a"), ("B", "sec_b")];
        assert_eq!(asked(&placed).expect("parses"), pairs(&[("/etc/x y/ä", "sec_a"), ("/run/secrets/B", "sec_b")]));
        assert!(parse_files([("ampoule.dev/env.A", "sec_a"), ("other", "x")]).expect("parses").is_empty());
    }

    #[test]
    fn a_name_that_ends_in_path_is_anothers_place() {
        let alone = asked(&[("x.path", "/x")]).expect_err("refused");
        assert!(alone.starts_with("ampoule.dev/file.x.path: ") && alone.contains("ampoule.dev/file.x"), "{alone}");
        assert!(asked(&[("x.path", "sec_a")]).is_err());
        let both = [("x.path.path", "/a"), ("x.path", "/b"), ("x", "sec_a")];
        assert!(asked(&both).is_err(), "x.path is no file");
        let way_out = [("x", "sec_a"), ("x.path", "/run/secrets/x.path")];
        assert_eq!(asked(&way_out).expect("parses"), pairs(&[("/run/secrets/x.path", "sec_a")]));
    }

    #[test]
    fn names_and_paths_that_are_none() {
        for name in ["", ".", "..", "a/b", "a b", "ä", "a\n", "a:b", &"x".repeat(256)] {
            let error = asked(&[(name, "sec_a")]).expect_err(name);
            assert!(error.starts_with("ampoule.dev/file.") && !error.contains(char::is_control), "{error}");
        }
        assert!(asked(&[(&"x".repeat(255), "sec_a")]).is_ok());
        let (long, longest) = (format!("/{}", "x".repeat(256)), "/x".repeat(257));
        for path in ["", "/", "a", "./a", "/a/", "//a", "/a/../b", "/a/.", "/a\0", "/a\nb", &long, &longest] {
            let error = asked(&[("A", "sec_a"), ("A.path", path)]).expect_err(path);
            assert!(error.starts_with("ampoule.dev/file.A.path: "), "{error}");
        }
        for secret in ["", "nope", "sec_a@0", "ampoule://sec_a"] {
            let error = asked(&[("A", secret)]).expect_err(secret);
            assert!(error.starts_with("ampoule.dev/file.A: "), "{error}");
        }
    }

    #[test]
    fn two_files_need_two_places() {
        for (one, other) in [("/a", "/a"), ("/a", "/a/b"), ("/a/b/c", "/a/b"), ("/run/secrets", "/run/secrets/x")] {
            let both = [("A", "sec_a"), ("A.path", one), ("B", "sec_b"), ("B.path", other)];
            let error = asked(&both).expect_err(other);
            assert!(error.contains("ampoule.dev/file.A.path") && error.contains("ampoule.dev/file.B.path"), "{error}");
        }
        assert!(asked(&[("A", "sec_a"), ("B", "sec_b"), ("B.path", "/run/secrets/A")]).is_err());
        // `.` sorts before `/`.
        let three =
            [("A", "sec_a"), ("A.path", "/a"), ("B", "sec_b"), ("B.path", "/a.b"), ("C", "sec_c"), ("C.path", "/a/b")];
        assert!(asked(&three).is_err());
        assert!(asked(&three[..4]).is_ok());
    }

    #[test]
    fn at_most_as_many_as_one_call_takes() {
        let keys: Vec<_> = (0..=MOST).map(|n| format!("{FILE_PREFIX}F{n}")).collect();
        let files = |count: usize| parse_files(keys[..count].iter().map(|key| (key.as_str(), "sec_a")));
        assert_eq!(files(MOST).expect("parses").len(), MOST);
        assert_eq!(*files(MOST + 1).expect_err("refused").fault(), Fault::TooMany);
    }
}
