//! `ampoule audit export`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ampoule_proto::messages::ampoule::v1::{AuditEntry, ListEntriesRequest};
use serde::{Deserialize, Serialize};

use super::super::output::print;
use super::{CliError, Context, Pages};

/// Write the log as lines of JSON, or go on where a file ends
///
/// A line is {"index": number, "entry": text}; the text is the entry's canonical JSON, byte for byte as it is hashed.
#[derive(clap::Args)]
pub(in crate::cli) struct Export {
    /// Begin at this index
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    from: u64,
    /// Write to this file; if it has lines of an earlier export already, go on after the last of them
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What every export begins with.
const BEGINNING: &[u8] = b"{\"index\":";

/// A line of an export.
#[derive(Deserialize, Serialize)]
struct Line {
    index: u64,
    entry: String,
}

impl Export {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let client = context.client()?;
        let Some(path) = &self.output else {
            return write(&mut pages(&client, self.from), print);
        };
        let failed = |error| CliError::Write { path: path.clone(), error };
        let mut file = open(path).map_err(failed)?;
        let from = resume(&mut file, path)?.unwrap_or(self.from);
        write(&mut pages(&client, from), |text| file.write_all(text.as_bytes()).map_err(failed))?;
        file.sync_all().map_err(failed)
    }
}

fn pages(client: &super::Client, first_index: u64) -> Pages<'_> {
    Pages { client, request: ListEntriesRequest { first_index, ..ListEntriesRequest::default() } }
}

fn write(pages: &mut Pages<'_>, mut out: impl FnMut(&str) -> Result<(), CliError>) -> Result<(), CliError> {
    while let Some(entries) = pages.next()? {
        let mut text = String::new();
        for AuditEntry { index, entry, .. } in entries {
            let line = serde_json::to_string(&Line { index, entry });
            text += &line.map_err(|error| CliError::Output(error.into()))?;
            text.push('\n');
        }
        out(&text)?;
    }
    Ok(())
}

/// What the log says of people is not for everybody.
fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// Goes to the end of the last whole line, cutting off one that was interrupted; the index after it. A file that is
/// something else stays as it is.
fn resume(file: &mut File, path: &Path) -> Result<Option<u64>, CliError> {
    let failed = |error| CliError::Write { path: path.to_owned(), error };
    let foreign = || CliError::Input {
        path: path.to_owned(),
        reason: "it is something else than an export of an audit log: name another file, or remove this one".to_owned(),
    };
    let mut beginning = Vec::new();
    Read::by_ref(file).take(BEGINNING.len() as u64).read_to_end(&mut beginning).map_err(failed)?;
    if !BEGINNING.starts_with(&beginning) {
        return Err(foreign());
    }
    let end = after_last_newline(file, u64::MAX).map_err(failed)?;
    let mut next = None;
    if end > 0 {
        let start = after_last_newline(file, end - 1).map_err(failed)?;
        let mut line = Vec::new();
        let read = file.seek(SeekFrom::Start(start));
        read.and_then(|_| Read::by_ref(file).take(end - start).read_to_end(&mut line)).map_err(failed)?;
        let last: Line = serde_json::from_slice(&line).map_err(|_| foreign())?;
        next = Some(last.index + 1);
    }
    file.set_len(end).and_then(|()| file.seek(SeekFrom::Start(end))).map_err(failed)?;
    Ok(next)
}

/// The place after the last newline before this one, or the beginning.
fn after_last_newline(file: &mut File, before: u64) -> io::Result<u64> {
    const STEP: u64 = 64 * 1024;
    let mut end = file.metadata()?.len().min(before);
    while end > 0 {
        let start = end.saturating_sub(STEP);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        Read::by_ref(file).take(end - start).read_to_end(&mut bytes)?;
        if let Some(place) = bytes.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + u64::try_from(place).unwrap_or_default() + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_interrupted_line_is_cut_off_and_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        let whole = "{\"index\":0,\"entry\":\"a\"}\n{\"index\":1,\"entry\":\"b\"}\n";
        for (content, next, kept) in [
            (String::new(), None, ""),
            ("{\"index\":0,\"en".to_owned(), None, ""),
            (whole.to_owned(), Some(2), whole),
            (format!("{whole}{{\"index\":2,"), Some(2), whole),
            (format!("{whole}{}", "x".repeat(200_000)), Some(2), whole),
        ] {
            fs::write(&path, content).expect("written");
            let mut file = open(&path).expect("opened");
            assert_eq!(resume(&mut file, &path).expect("an export"), next);
            assert_eq!(fs::read_to_string(&path).expect("read"), kept);
            assert_eq!(file.stream_position().expect("a place"), u64::try_from(kept.len()).expect("a length"));
        }
    }

    #[test]
    fn what_is_no_export_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes");
        let whole = "{\"index\":0,\"entry\":\"a\"}\n";
        for content in ["precious", "something else\n", "a line\nand half a line", "{}", &format!("{whole}x\n")] {
            fs::write(&path, content).expect("written");
            assert!(resume(&mut open(&path).expect("opened"), &path).is_err(), "{content}");
            assert_eq!(fs::read_to_string(&path).expect("read"), content);
        }
    }
}
