//! `ampoule audit verify`: the one command that opens a database, since it must not believe the daemon.

use std::fs;
use std::path::PathBuf;

use super::super::output::print;
use super::{CliError, Context};
use crate::audit::NoteVerifier;
use crate::config::state_dir;
use crate::store::sqlite::{Expected, verify};

/// Check a whole log, from its database alone
///
/// Computes every hash anew from the entries and compares it with the tree and with every signed checkpoint; then compares
/// secrets and tokens with what the entries say of them. The daemon may run or not; the database may be a copy. Without --checkpoint it can't be seen whether the end of the log was
/// cut off together with its checkpoints, and without --key whether somebody else signed it anew.
#[derive(clap::Args)]
pub(in crate::cli) struct Verify {
    /// The database [default: vault.db in the state directory]
    #[arg(long, value_name = "PATH")]
    database: Option<PathBuf>,
    /// A checkpoint that was kept elsewhere, which the log must continue
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// The key that must have signed, as `ampoule audit key` printed it
    #[arg(long, value_name = "KEY")]
    key: Option<NoteVerifier>,
}

impl Verify {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let database = match self.database {
            Some(path) => path,
            None => state_dir(&context.environment, &context.flags)?.join("vault.db"),
        };
        if let Err(error) = fs::File::open(&database) {
            return Err(CliError::Read { path: database, error });
        }
        let checkpoint = match self.checkpoint {
            Some(path) => Some(fs::read_to_string(&path).map_err(|error| CliError::Read { path, error })?),
            None => None,
        };
        let expected = Expected { key: self.key.as_ref(), checkpoint: checkpoint.as_deref() };
        let found = verify(&database, &expected).map_err(CliError::Verify)?;
        let unsigned = found.entries - found.signed;
        print(&format!(
            "The log is whole: {} entries, {} of them newer than the last of {} checkpoints.\nRoot: {}\nKey:  {}\n",
            found.entries, unsigned, found.checkpoints, found.root, found.key
        ))
    }
}
