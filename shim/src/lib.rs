//! An OCI runtime shim that puts secrets into a container's environment as it is created.
//!
//! An engine calls it in place of runc, crun or youki. For a `create` or `run` whose specification asks for secrets it
//! resolves them at the daemon and delivers the filled-in config.json through a pipe; then, as for everything else, it
//! becomes the runtime by `execve`.

pub mod args;
pub mod client;
pub mod config;
pub mod deliver;
pub mod descriptor;
pub mod error;
pub mod fate;
pub mod hook;
pub mod inject;
pub mod phase;
pub mod report;
pub mod runtime;
pub mod spec;

use std::convert::Infallible;
use std::ffi::{OsString, c_int};

use args::{Args, Dialect};
use config::{Environment, Settings};
use error::Error;
use runtime::Runtime;

/// Becomes the runtime, or reports why not and returns the exit status; called as `ampoule-hook` it is podman's hook.
/// A guard calls it to tell what became of a container.
pub fn main() -> c_int {
    let argv = config::arguments();
    if hook::is_called(&argv) {
        return hook::main(&argv);
    }
    if fate::is_called(&argv) {
        return fate::main(&argv);
    }
    match become_runtime(&argv) {
        Ok(never) => match never {},
        Err(error) => {
            report::report(&error, &argv);
            1
        }
    }
}

fn become_runtime(argv: &[OsString]) -> Result<Infallible, Error> {
    let environment = Environment::of_process();
    let settings = Settings::load(&environment)?;
    let runtime = Runtime::find(&settings, argv.first())?;
    let dialect = Dialect::of(runtime.name());
    let tail = argv.get(1..).unwrap_or_default();
    let Some(create) = Args::parse(tail, dialect) else {
        fate::tell_of_delete(tail, &environment, &runtime);
        return Ok(runtime.exec(tail)?);
    };
    inject::create(&create, &settings, &environment, &runtime)
}
