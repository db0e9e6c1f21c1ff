//! The command line: one file for each command. It speaks only the wire; `serve` alone starts the daemon in here.

#![allow(clippy::doc_markdown, reason = "these comments are the help that people read, where backticks are noise")]

mod audit;
mod client;
mod dashboard;
mod devbox;
mod doctor;
mod error;
mod input;
mod instance;
mod lifetime;
mod login;
mod output;
mod remote;
mod run;
mod run_request;
mod runtime;
mod serve;
mod session;
mod tls;
mod token;
mod token_file;
mod usage;
mod vault;
mod volatile;

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use client::Client;
use error::CliError;

use crate::config::{ClientFlags, Environment, RemoteFlags};

/// A self-hosted vault whose secrets reach containers only at the moment they are created.
#[derive(Parser)]
#[command(name = "ampoule", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    client: ClientFlags,
    #[command(flatten)]
    remote: RemoteFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    #[command(subcommand)]
    Vault(vault::Vault),
    #[command(subcommand)]
    Token(token::Token),
    Login(login::Login),
    Usage(usage::Usage),
    #[command(subcommand)]
    Audit(audit::Audit),
    #[command(subcommand)]
    Dashboard(dashboard::Dashboard),
    #[command(subcommand)]
    Tls(tls::Tls),
    RunRequest(run_request::RunRequest),
    Run(run::Run),
    #[command(subcommand)]
    Instance(instance::Instance),
    #[command(subcommand)]
    Devbox(devbox::Devbox),
    /// Start containers for the daemon, which starts this itself
    #[command(name = crate::daemon::AGENT_COMMAND, hide = true)]
    EngineAgent,
    #[command(subcommand)]
    Runtime(runtime::Runtime),
    Doctor(doctor::Doctor),
}

/// What a command works with.
struct Context {
    environment: Environment,
    flags: ClientFlags,
    remote: RemoteFlags,
}

impl Context {
    /// The way to the daemon.
    fn client(&self) -> Result<Client, CliError> {
        Client::new(self)
    }
}

/// Runs the command of this process's arguments: 0 done, 1 failed, 2 wrong usage.
pub fn main() -> ExitCode {
    // Values pass through here too: no core dump, and no debugger of the same user. What is executed later is itself again.
    let _ = nix::sys::prctl::set_dumpable(false);
    let Cli { client, remote, command } = match Cli::try_parse_from(arguments()) {
        Ok(cli) => cli,
        Err(message) => return say(&message).unwrap_or_else(|error| error.report()),
    };
    if is_of_this_host(&command) && remote != RemoteFlags::default() {
        let message = "this command is about this host: it takes no --endpoint, --token_file or --cacert";
        usage(ErrorKind::ArgumentConflict, message);
    }
    let context = Context { environment: Environment::of_process(), flags: client, remote };
    let done = match command {
        Command::Serve(serve) => serve.run(&context),
        Command::Vault(vault) => vault.run(&context).map(|()| ExitCode::SUCCESS),
        Command::Token(token) => token.run(&context).map(|()| ExitCode::SUCCESS),
        Command::Login(login) => login.run(&context).map(|()| ExitCode::SUCCESS),
        Command::Usage(usage) => usage.run(&context).map(|()| ExitCode::SUCCESS),
        Command::Audit(audit) => audit.run(&context).map(|()| ExitCode::SUCCESS),
        Command::Dashboard(dashboard) => dashboard.run(&context).map(|()| ExitCode::SUCCESS),
        Command::Tls(tls) => tls.run(&context).map(|()| ExitCode::SUCCESS),
        Command::RunRequest(run_request) => run_request.run(&context),
        Command::Run(run) => run.run(&context).map(|()| ExitCode::SUCCESS),
        Command::Instance(instance) => instance.run(&context),
        Command::Devbox(devbox) => devbox.run(&context),
        Command::EngineAgent => Ok(crate::daemon::run_agent()),
        Command::Runtime(runtime) => runtime.run(&context).map(|()| ExitCode::SUCCESS),
        Command::Doctor(doctor) => doctor.run(&context),
    };
    done.unwrap_or_else(|error| error.report())
}

/// The arguments; called as `devbox` it is that command.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.first().is_some_and(|program| Path::new(program).file_name() == Some("devbox".as_ref())) {
        arguments.splice(..1, ["ampoule", "devbox"].map(OsString::from));
    }
    arguments
}

/// Whether it has nothing to do with a daemon elsewhere.
fn is_of_this_host(command: &Command) -> bool {
    use audit::Audit::Verify;

    use Command::{Audit, Dashboard, Doctor, RunRequest, Runtime, Serve, Tls};
    matches!(command, Serve(_) | RunRequest(_) | Runtime(_) | Doctor(_) | Dashboard(_) | Tls(_) | Audit(Verify(_)))
}

/// Prints the help that was asked for, or what is wrong with the arguments.
fn say(message: &clap::Error) -> Result<ExitCode, CliError> {
    if let (Some(ContextValue::String(flag)), Some(fault)) = (message.get(ContextKind::InvalidArg), message.source()) {
        // clap would repeat the argument, which may be a value that was put in the wrong place.
        usage(message.kind(), &format!("{flag}: {fault}"));
    }
    match message.print() {
        Err(error) if !message.use_stderr() => Err(CliError::Output(error)),
        _ => Ok(if message.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS }),
    }
}

/// Says what else is wrong with the arguments, and ends as clap does, with the usage of the command that they name.
fn usage(kind: ErrorKind, message: &str) -> ! {
    let mut command = Cli::command();
    command.build();
    for argument in arguments().iter().skip(1) {
        let named = argument.to_str().and_then(|name| command.find_subcommand(name)).cloned();
        command = named.unwrap_or(command);
    }
    command.error(kind, message).exit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
