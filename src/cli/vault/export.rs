//! `ampoule vault export`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ampoule_proto::wire::SecretText;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use super::super::output::print;
use super::super::{CliError, Context, input, volatile};
use super::envdef::{self, Definition, Mistake};
use crate::domain::EnvName;

/// Write the values of revealable secrets to a temporary file, for a shell
///
/// The file has mode 0600 and lies in memory where there is such a folder. Its path is printed, or with --shell the
/// commands that read it, export its variables and remove it:
///
/// eval "$(ampoule vault export --envdef FILE --shell bash)"
#[derive(clap::Args)]
pub(in crate::cli) struct Export {
    /// The file that says which variables: lines NAME=sec_…, and comments after #
    #[arg(long, value_name = "FILE")]
    envdef: PathBuf,
    /// Print commands, for bash or another shell that reads POSIX's language
    #[arg(long, value_name = "SHELL")]
    shell: Option<Shell>,
}

/// A shell that commands can be printed for.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
}

impl Export {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let definitions = envdef::parse(&input::read_text(&self.envdef)?).map_err(|Mistake { line, reason }| {
            CliError::Place(format!("{}:{line}: {reason}", input::named(&self.envdef).display()))
        })?;
        let client = context.client()?;
        // All of them or no file.
        let value = |definition: &Definition| Ok(super::reveal(&client, &definition.object)?.value);
        let values: Vec<SecretText> = definitions.iter().map(value).collect::<Result<_, CliError>>()?;
        let names: Vec<&EnvName> = definitions.iter().map(|definition| &definition.name).collect();
        let folder = volatile::folder(context);
        let failed = |error| CliError::Write { path: folder.clone(), error };
        let file = write(&folder, &assignments(&names, &values)).map_err(failed)?;
        note(file.path(), volatile::is_in_memory(&folder), self.shell);
        match self.shell {
            None => print(&format!("{}\n", file.path().display()))?,
            Some(Shell::Bash) => print(&commands(file.path(), &names))?,
        }
        // Kept only once its path is told: nobody would remove it else.
        file.keep().map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// Writes the file, which is removed again unless it is kept.
fn write(folder: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("ampoule-export.").rand_bytes(12).tempfile_in(folder)?;
    file.write_all(content)?;
    Ok(file)
}

/// Says what the file leaves to do; the commands for a shell leave nothing, if it is in memory.
fn note(path: &Path, in_memory: bool, shell: Option<Shell>) {
    let kind = match (in_memory, shell) {
        (true, Some(_)) => return,
        (true, None) => "in memory; remove it after use",
        (false, _) => "on a disk, which may keep traces of them",
    };
    let _ = writeln!(io::stderr(), "note: the values are in {}, {kind}", path.display());
}

/// Lines `NAME=value` as a POSIX shell reads them (XCU 2.2.2, Single-Quotes).
fn assignments(names: &[&EnvName], values: &[SecretText]) -> Zeroizing<Vec<u8>> {
    // A quote becomes four bytes, and a buffer that grows leaves its old content behind.
    let most = names.iter().zip(values).map(|(name, value)| name.as_str().len() + 4 * value.len() + 4).sum();
    let mut text = Zeroizing::new(Vec::with_capacity(most));
    for (name, value) in names.iter().zip(values) {
        text.extend_from_slice(name.as_str().as_bytes());
        text.push(b'=');
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte))
        {
            text.extend_from_slice(value.as_bytes());
        } else {
            text.push(b'\'');
            for byte in value.bytes() {
                if byte == b'\'' { text.extend_from_slice(br"'\''") } else { text.push(byte) }
            }
            text.push(b'\'');
        }
        text.push(b'\n');
    }
    text
}

/// Removes the file before it assigns anything: a PATH in it would hide `rm`, and a variable that can't be set end the
/// script.
fn commands(file: &Path, names: &[&EnvName]) -> String {
    let path = format!("'{}'", file.display().to_string().replace('\'', r"'\''"));
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let export = if names.is_empty() { String::new() } else { format!("export {}\n", names.join(" ")) };
    format!("eval \"$(cat {path}; rm -f {path})\"\n{export}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_every_value() {
        let values = ["plain", "two words", "it's", "a\nb", "$HOME `id` \\ \"", "~", "=", "'"];
        for value in values {
            let name: EnvName = "A".parse().expect("a name");
            let text = assignments(&[&name], &[SecretText::from(value)]);
            let script = format!("{}printf %s \"$A\"", String::from_utf8_lossy(&text));
            let read = std::process::Command::new("sh").args(["-c", &script]).output().expect("sh");
            assert_eq!(read.stdout, value.as_bytes(), "{script}");
        }
    }
}
