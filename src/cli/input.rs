//! Where a value comes from: a file, standard input, or a person. Never an argument, which others can see.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use ampoule_proto::wire::SecretText;
use zeroize::Zeroizing;

use super::CliError;
use crate::domain::{InvalidObject, SecretBytes, SecretValue};

/// The flag that names the file.
#[derive(clap::Args)]
pub(super) struct ValueSource {
    /// The file that holds the value, or - for standard input; without it the value is asked for, hidden
    #[arg(long = "from_file", alias = "from-file", value_name = "PATH")]
    from_file: Option<PathBuf>,
}

impl ValueSource {
    /// Reads the value, as it is.
    pub(super) fn read(&self) -> Result<SecretText, CliError> {
        let value = match self.from_file.as_deref() {
            None => prompt()?,
            Some(path) if path == Path::new("-") => read(&mut io::stdin().lock(), Path::new("standard input"))?,
            Some(path) => {
                let file = File::open(path);
                read(&mut file.map_err(|error| CliError::Read { path: path.to_owned(), error })?, path)?
            }
        };
        let value = SecretValue::new(value)?.into_secret();
        Ok(SecretText::try_from(value).map_err(|_| InvalidObject::ValueNotUtf8)?)
    }
}

fn read(source: &mut dyn Read, path: &Path) -> Result<SecretBytes, CliError> {
    // As large as it can get: a buffer that grows leaves its old content behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(SecretValue::MOST + 2));
    let most = u64::try_from(SecretValue::MOST).unwrap_or(u64::MAX).saturating_add(1);
    let failed = |error| CliError::Read { path: path.to_owned(), error };
    source.take(most).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > SecretValue::MOST {
        return Err(CliError::TooLong { source_name: path.display().to_string(), most: SecretValue::MOST });
    }
    if bytes.ends_with(b"\n") {
        let _ = writeln!(io::stderr(), "note: the value ends in a newline, which is stored as part of it");
    }
    Ok(SecretBytes::from(std::mem::take(&mut *bytes)))
}

fn prompt() -> Result<SecretBytes, CliError> {
    if !io::stdin().is_terminal() {
        return Err(CliError::NoTerminal);
    }
    let ask = |question: &str| {
        let typed = rpassword::prompt_password(question).map(Zeroizing::new);
        typed.map_err(|error| CliError::Read { path: PathBuf::from("the terminal"), error })
    };
    let mut value = ask("Value: ")?;
    if *value != *ask("The same again: ")? {
        return Err(CliError::EntriesDiffer);
    }
    Ok(SecretBytes::from(std::mem::take(&mut *value)))
}
