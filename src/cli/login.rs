//! `ampoule login`.

use std::io::{self, IsTerminal, Read};

use zeroize::Zeroizing;

use super::output::print;
use super::token_file::{NewTokenFile, Token};
use super::{CliError, Context};
use crate::terminal::Hidden;

/// Keep a token for calling a daemon elsewhere
///
/// The token is asked for, hidden, or read from standard input. It is written to ~/.config/ns/token.json, or to the
/// file that --token_file or NSC_TOKEN_FILE names, for its owner alone.
#[derive(clap::Args)]
pub(super) struct Login {}

/// More bytes than any token has.
const MOST: usize = 64 * 1024;

impl Login {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let Self {} = self;
        let path = context.remote.token_file.clone().or_else(|| context.environment.login_file());
        let file = NewTokenFile::prepare(&path.ok_or(CliError::NoHome)?)?;
        let typed = if io::stdin().is_terminal() { prompt() } else { standard_input() };
        let typed = typed.map_err(CliError::TypedToken)?;
        let token = std::str::from_utf8(&typed).unwrap_or_default().trim();
        if typed.len() > MOST || Token::new(token).is_none() {
            return Err(CliError::NotAToken);
        }
        let path = file.write(token)?;
        print(&format!("Wrote {}\n", path.display()))
    }
}

fn prompt() -> io::Result<Zeroizing<Vec<u8>>> {
    Hidden::open()?.ask("Token: ")
}

fn standard_input() -> io::Result<Zeroizing<Vec<u8>>> {
    // As large as it can get: a buffer that grows leaves its old content behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 2));
    io::stdin().lock().take(MOST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
