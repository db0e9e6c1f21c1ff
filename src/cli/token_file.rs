//! Token files: `{"bearer_token": "…"}`, as existing clients read them.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use http::HeaderValue;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::CliError;

/// A token as a request carries it.
pub(super) struct Token(HeaderValue);

/// A token file's content; other clients may keep more in it.
#[derive(Serialize, Deserialize)]
struct Content {
    bearer_token: Zeroizing<String>,
}

impl Token {
    /// The token of a file.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let text = fs::read(path).map(Zeroizing::new);
        let text = text.map_err(|error| CliError::Read { path: path.to_owned(), error })?;
        // The parser's own message may quote the token.
        let content: Option<Content> = serde_json::from_slice(&text).ok();
        let token = content.and_then(|content| Self::new(&content.bearer_token));
        token.ok_or_else(|| CliError::NoTokenFile { path: path.to_owned() })
    }

    /// A token, if a header can carry it.
    pub(super) fn new(text: &str) -> Option<Self> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut value = HeaderValue::from_str(&Zeroizing::new(format!("Bearer {text}"))).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }

    /// What a request says.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

/// A token file that is being made. It is there with its content, or not at all.
pub(super) struct NewTokenFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl NewTokenFile {
    /// Makes sure that it can be written, before there is a token that would be lost otherwise.
    pub(super) fn prepare(path: &Path) -> Result<Self, CliError> {
        let failed = |error| CliError::Write { path: path.to_owned(), error };
        let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        // A temporary file's mode is 0600.
        let file = NamedTempFile::new_in(folder).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// The same where nothing must be there yet: what is there may be the token that somebody calls with.
    pub(super) fn prepare_new(path: &Path) -> Result<Self, CliError> {
        if path.symlink_metadata().is_ok() {
            return Err(CliError::Program {
                reason: format!("{} is there already", path.display()),
                remedy: "Name another file, or remove this one first: a token in it can't be had again.".to_owned(),
            });
        }
        Self::prepare(path)
    }

    /// Writes it; where it is.
    pub(super) fn write(mut self, token: &str) -> Result<PathBuf, CliError> {
        let failed = |error| CliError::Write { path: self.path.clone(), error };
        let content = Content { bearer_token: Zeroizing::new(token.to_owned()) };
        let text = serde_json::to_vec(&content).map(Zeroizing::new).map_err(|error| failed(io::Error::other(error)))?;
        self.file.write_all(&text).and_then(|()| self.file.as_file().sync_all()).map_err(failed)?;
        match self.file.persist(&self.path) {
            Ok(_) => Ok(self.path),
            Err(error) => Err(CliError::Write { path: self.path, error: error.error }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn written_for_its_owner_alone_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ns/token.json");
        NewTokenFile::prepare(&path).expect("prepared").write("amp_x").expect("written");
        assert_eq!(fs::read_to_string(&path).expect("a file"), r#"{"bearer_token":"amp_x"}"#);
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert_eq!(Token::read(&path).map_err(|error| error.to_string()).expect("a token").header(), "Bearer amp_x");
    }

    #[test]
    fn a_file_that_makes_no_sense_is_not_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token.json");
        for text in [
            "",
            "hunter2",
            r#""hunter2""#,
            r#"{"bearer_token": ["hunter2"]}"#,
            r#"{"bearer_token": ""}"#,
            r#"{"bearer_token": "hunter 2"}"#,
        ] {
            fs::write(&path, text).expect("written");
            let error = Token::read(&path).err().expect(text).to_string();
            assert!(error.contains("token.json") && !error.contains("hunter"), "{error}");
        }
    }
}
