//! Why a command was not done.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use ampoule_proto::call::CallError;

use crate::config::ConfigError;
use crate::domain::{InvalidObject, ObjectId};
use crate::store::sqlite::VerifyError;

/// Why a command was not done: a cause line, then a remedy line.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The daemon did not do it.
    #[error("{}", with_remedy(.0))]
    Call(#[from] CallError),
    /// The daemon elsewhere can't be reached, or isn't the one that it should be.
    #[error(
        "{endpoint} can't be called: {error}\nCheck --endpoint or NSC_ENDPOINT, and --cacert if its certificate is of your own making."
    )]
    Connect { endpoint: String, error: io::Error },
    /// There is no certificate to check others by.
    #[error("this system has no certificates to trust\nInstall ca-certificates, or name a file with --cacert.")]
    NoRoots,
    /// A daemon elsewhere wants a token.
    #[error(
        "there is no token to call with\nMake one with `ampoule token create` on the daemon's host, and keep it here with `ampoule login`."
    )]
    NoToken,
    /// A file is no token file.
    #[error("{} is not a token file: expected {{\"bearer_token\": \"…\"}}\nWrite it with `ampoule login`.", path.display())]
    NoTokenFile { path: PathBuf },
    /// A token can't be read.
    #[error("no token was read: {0}\nTry again, or give it on standard input.")]
    TypedToken(io::Error),
    /// What was typed is no token.
    #[error("that is not a token: expected one word of ASCII\nCopy it again as `ampoule token create` showed it.")]
    NotAToken,
    /// Nobody knows where the user's files are.
    #[error("there is no place for the token: neither HOME nor XDG_CONFIG_HOME is set\nName a file with --token_file.")]
    NoHome,
    /// A file can't be read.
    #[error("{} can't be read: {error}\nName a file that you may read.", path.display())]
    Read { path: PathBuf, error: io::Error },
    /// A file can't be written.
    #[error("{} can't be written: {error}\nMake its folder writable, or free space there.", path.display())]
    Write { path: PathBuf, error: io::Error },
    /// A value is not one that can be stored.
    #[error("{0}")]
    Value(#[from] InvalidObject),
    /// A file is longer than what is read of it.
    #[error("{} is longer than {most} bytes: at most so many are taken", path.display())]
    TooLong { path: PathBuf, most: usize },
    /// Nobody can be asked for the value.
    #[error(
        "there is no terminal to ask for the value at\nGive it with --from_file PATH, or --from_file - for standard input."
    )]
    NoTerminal,
    /// What was typed is no answer.
    #[error("nothing was stored: {0}\nTry again, or give the value with --from_file PATH.")]
    Typed(io::Error),
    /// The two entries at the prompt are not the same.
    #[error(
        "the two entries differ, so nothing was stored\nTry again; a value of several lines has to come from a file: --from_file PATH."
    )]
    EntriesDiffer,
    /// The value may not leave the vault.
    #[error(
        "secret {object} is not revealable, or not by you: its value reaches containers only\nRefer to it from a container: ampoule://{object}."
    )]
    NotRevealable { object: ObjectId },
    /// The value is gone.
    #[error("secret {object} is deleted, and its value destroyed\nStore it anew and refer to the new id.")]
    Deleted { object: ObjectId },
    /// The daemon's answer lacks what it must have.
    #[error("the daemon's answer has no {what}\nUpdate the daemon and the command line together.")]
    Answer { what: &'static str },
    /// An input file says what can't be done.
    #[error("{}: {reason}", path.display())]
    Input { path: PathBuf, reason: String },
    /// A line of an input file says what can't be done.
    #[error("{0}")]
    Place(String),
    /// A log was changed, or can't be checked.
    #[error("{0}")]
    Verify(VerifyError),
    /// Nothing has been signed.
    #[error("the log has no checkpoint yet\nTry again in a second.")]
    NoCheckpoint,
    /// Another program is not there or failed.
    #[error("{reason}\n{remedy}")]
    Program { reason: String, remedy: String },
    /// This process lacks something.
    #[error("{what}: {error}\nCheck the limits on open files, processes and memory.")]
    System { what: &'static str, error: io::Error },
    /// A terminal was asked for where there is none.
    #[error("{stream} is not a terminal\nLeave -t out.")]
    NotATerminal { stream: &'static str },
    /// The command of a session has gone, and nobody said how it ended.
    #[error("the daemon ended the session without an exit code\nSee its log, then try again.")]
    NoExitCode,
    /// What is printed can't be.
    #[error("standard output can't be written: {0}")]
    Output(io::Error),
    /// A change was made, and its result can't be printed.
    #[error("standard output can't be written: {error}\n{done} all the same.")]
    DoneUnseen { error: io::Error, done: String },
}

impl CliError {
    /// The error of a command that was done before this came in the way of saying so.
    pub(super) fn after(self, done: String) -> Self {
        match self {
            Self::Output(error) => Self::DoneUnseen { error, done },
            other => other,
        }
    }

    /// Says it on standard error; the exit code.
    pub(super) fn report(&self) -> ExitCode {
        // Who pipes into `head` has seen enough: the same silence as of a program that SIGPIPE ends.
        if let Self::Output(error) = self
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            return ExitCode::FAILURE;
        }
        // Nothing is left to do if standard error is closed.
        let _ = writeln!(io::stderr(), "error: {self}");
        ExitCode::FAILURE
    }
}

fn with_remedy(error: &CallError) -> String {
    match error.remedy("--socket or AMPOULE_SOCKET").as_str() {
        "" => error.to_string(),
        remedy => {
            let (first, rest) = remedy.split_at(remedy.char_indices().nth(1).map_or(remedy.len(), |(at, _)| at));
            format!("{error}\n{}{rest}.", first.to_uppercase())
        }
    }
}
