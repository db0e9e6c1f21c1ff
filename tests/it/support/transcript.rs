//! Transcripts: shell commands and what they print, kept in files and compared with what they print now.
//!
//! A command stands after `$ `; then what it printed on standard output, after `2> ` what it printed on standard error,
//! and `[exit N]` unless that is 0. What differs from run to run is written as `[ID-1]`, `[TIME]` and the like; an
//! `[ID-N]` in a command is the N-th secret id that was printed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{self, Ran};

/// Where the commands run.
pub(crate) struct Shell {
    /// The folder that they run in, written as `[FOLDER]`.
    pub(crate) folder: PathBuf,
    /// All of their environment.
    pub(crate) env: Vec<(&'static str, String)>,
}

/// Runs the commands of `fixtures/cli/NAME.txt` and compares, or writes the file anew if `AMPOULE_REGENERATE` is set.
#[track_caller]
#[allow(
    clippy::disallowed_methods,
    reason = "whether files are compared or written is what the caller of the tests says"
)]
pub(crate) fn check(name: &str, shell: &Shell) {
    let path = path(name);
    let kept = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let now = replay(&kept, shell);
    if env::var_os("AMPOULE_REGENERATE").is_some() {
        fs::write(&path, now).expect("transcript");
        return;
    }
    let differ = kept.lines().zip(now.lines()).find(|(kept, now)| kept != now);
    let longer = || (kept.lines().count() != now.lines().count()).then_some(("(its length)", "(another length)"));
    if let Some((kept, now)) = differ.or_else(longer) {
        panic!(
            "{} differs from what is printed now, first in\n    kept: {kept}\n     now: {now}\n\
             If it is meant to, run the test with AMPOULE_REGENERATE=1 and look at the difference.",
            path.display()
        );
    }
}

/// Where a transcript is kept.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cli").join(format!("{name}.txt"))
}

/// The transcript that the commands of a transcript give now.
fn replay(kept: &str, shell: &Shell) -> String {
    let head: Vec<&str> = kept.lines().take_while(|line| line.starts_with('#')).chain([""]).collect();
    let mut redaction = Redaction { folder: shell.folder.display().to_string(), ids: Vec::new() };
    kept.lines().filter_map(|line| line.strip_prefix("$ ")).fold(head.join("\n"), |text, command| {
        let ran = shell.run(&redaction.restore(command));
        format!("{text}\n$ {command}\n{}", redaction.redact(&written(&ran)))
    })
}

impl Shell {
    fn run(&self, command: &str) -> Ran {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", command]).current_dir(&self.folder).env_clear();
        process::run(shell.envs(self.env.iter().map(|(name, value)| (name, value))), b"")
    }
}

fn written(ran: &Ran) -> String {
    let mut text = ran.out();
    if !text.is_empty() && !text.ends_with('\n') {
        text += "\n[no newline]\n";
    }
    text.extend(ran.err().lines().map(|line| format!("2> {line}").trim_end().to_owned() + "\n"));
    let code = Some(ran.code()).filter(|code| *code != 0);
    text.extend(code.map(|code| format!("[exit {code}]\n")));
    text
}

/// Puts names in the place of what differs from run to run.
struct Redaction {
    folder: String,
    ids: Vec<String>,
}

impl Redaction {
    fn redact(&mut self, text: &str) -> String {
        let text = text.replace(&self.folder, "[FOLDER]");
        let text = ["uid", "gid", "pid"].iter().fold(text, |text, key| without_number(&text, key));
        let in_word = |c: char| c.is_ascii_alphanumeric() || "_-.:".contains(c);
        let mut redacted = String::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find(in_word) {
            let word = rest[start..].split(|c| !in_word(c)).next().unwrap_or_default();
            // What follows a time or an id in a sentence.
            let bare = word.trim_end_matches([':', '.']);
            redacted += &rest[..start];
            redacted += &self.word(bare);
            redacted += &word[bare.len()..];
            rest = &rest[start + word.len()..];
        }
        redacted += rest;
        without_tail(&redacted, "[TENANT]+", "[KEY]", |c| c.is_ascii_alphanumeric() || "+/=".contains(c))
    }

    fn word(&mut self, word: &str) -> String {
        let is_time = word.len() >= 20 && word.as_bytes()[10] == b'T' && word.ends_with('Z');
        let tail = |prefix: &str, length: usize| {
            word.strip_prefix(prefix).filter(|tail| tail.len() >= length).map(|tail| &tail[length..])
        };
        if is_time {
            return "[TIME]".to_owned();
        }
        if let Some(rest) = tail("sec_", 25) {
            return self.id(&word[..29]) + rest;
        }
        if let Some(rest) = tail("ampoule-export.", 12) {
            return format!("ampoule-export.[RANDOM]{rest}");
        }
        let kinds = [("tenant_", 32, "[TENANT]"), ("req_", 16, "[REQUEST]"), ("kek_", 32, "[KEK]")];
        let named = kinds.iter().find_map(|(prefix, length, name)| Some(format!("{name}{}", tail(prefix, *length)?)));
        named.unwrap_or_else(|| word.to_owned())
    }

    fn id(&mut self, id: &str) -> String {
        let known = self.ids.iter().position(|known| known == id);
        let place = known.unwrap_or_else(|| {
            self.ids.push(id.to_owned());
            self.ids.len() - 1
        });
        format!("[ID-{}]", place + 1)
    }

    /// A command with the ids that it means.
    fn restore(&self, command: &str) -> String {
        let numbered = self.ids.iter().enumerate();
        numbered.fold(command.to_owned(), |text, (place, id)| text.replace(&format!("[ID-{}]", place + 1), id))
    }
}

/// A name in the place of a JSON key's number, which is a user's or process's.
fn without_number(text: &str, key: &str) -> String {
    without_tail(text, &format!("\"{key}\":"), &format!("[{}]", key.to_uppercase()), |c| c.is_ascii_digit())
}

/// A name in the place of whatever of this kind follows a text.
fn without_tail(text: &str, after: &str, name: &str, is_tail: impl Fn(char) -> bool) -> String {
    let mut parts = text.split(after);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + after + name + part.trim_start_matches(&is_tail))
}
