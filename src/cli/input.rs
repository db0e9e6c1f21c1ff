//! Where a value comes from: a file, standard input, or a person. Never an argument, which others can see.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use ampoule_proto::wire::SecretText;
use clap::error::ErrorKind;
use zeroize::Zeroizing;

use super::{CliError, Client, usage};
use crate::domain::{InvalidObject, SecretBytes, SecretValue};
use crate::terminal::Hidden;

/// The flag that names the file.
#[derive(clap::Args)]
pub(super) struct ValueSource {
    /// The file that holds the value, or - for standard input; without it the value is asked for, hidden
    #[arg(long = "from_file", alias = "from-file", value_name = "PATH")]
    from_file: Option<PathBuf>,
    // Taken only to be refused: clap would print it.
    #[arg(long = "value", hide = true)]
    as_flag: Option<OsString>,
    #[arg(hide = true)]
    as_argument: Vec<OsString>,
}

impl ValueSource {
    /// Reads the value, as it is.
    pub(super) fn read(&self, client: &Client) -> Result<SecretText, CliError> {
        if self.as_flag.is_some() || !self.as_argument.is_empty() {
            usage(
                ErrorKind::UnknownArgument,
                "a value can't be an argument nor follow --value, where others can see it: \
                 leave it out to be asked for it, or name a file by --from_file",
            );
        }
        let value = match self.from_file.as_deref() {
            None => prompt(client)?,
            Some(path) => read_value(path)?,
        };
        let value = SecretValue::new(value)?.into_secret();
        Ok(SecretText::try_from(value).map_err(|_| InvalidObject::ValueNotUtf8)?)
    }
}

/// Reads a file of text, or standard input for `-`, up to a length that nobody needs.
pub(super) fn read_text(path: &Path) -> Result<String, CliError> {
    const MOST: usize = 1 << 20;
    let mut bytes = Vec::new();
    read_into(&mut bytes, path, MOST)?;
    let not_text = |_| CliError::Input { path: named(path), reason: "it is not UTF-8".to_owned() };
    String::from_utf8(bytes).map_err(not_text)
}

/// What an error calls an input file.
pub(super) fn named(path: &Path) -> PathBuf {
    PathBuf::from(if path == Path::new("-") { Path::new("standard input") } else { path })
}

fn read_into(bytes: &mut Vec<u8>, path: &Path, most: usize) -> Result<(), CliError> {
    let failed = |error| CliError::Read { path: named(path), error };
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(bytes))
    };
    if read.map_err(failed)? > most {
        return Err(CliError::TooLong { path: named(path), most });
    }
    Ok(())
}

fn read_value(path: &Path) -> Result<SecretBytes, CliError> {
    // As large as it can get: a buffer that grows leaves its old content behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SecretValue::MOST + 2));
    read_into(&mut bytes, path, SecretValue::MOST)?;
    if bytes.ends_with(b"\n") {
        let _ = writeln!(io::stderr(), "note: the value ends in a newline, which is stored as part of it");
    }
    Ok(SecretBytes::from(std::mem::take(&mut *bytes)))
}

fn prompt(client: &Client) -> Result<SecretBytes, CliError> {
    let mut terminal = Hidden::open().map_err(|_| CliError::NoTerminal)?;
    // Nobody should type a value twice to learn that it can't be stored.
    client.reach()?;
    let mut value = terminal.ask_twice("Value: ").map_err(CliError::Typed)?.ok_or(CliError::EntriesDiffer)?;
    Ok(SecretBytes::from(std::mem::take(&mut *value)))
}
