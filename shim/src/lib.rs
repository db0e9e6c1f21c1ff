//! An OCI runtime shim that puts secrets into a container's environment as it is created.
//!
//! An engine calls it in place of runc, crun or youki. For a `create` or `run` whose specification asks for secrets it
//! resolves them at the daemon and delivers the filled-in config.json through a pipe; for an `exec` in such a container it
//! does so with the description of the process. Then, as for everything else, it becomes the runtime by `execve`.

pub mod args;
pub mod client;
pub mod config;
pub mod deliver;
pub mod descriptor;
pub mod error;
pub mod exec;
pub mod fate;
mod files;
pub mod hook;
pub mod inject;
pub mod phase;
pub mod private;
pub mod record;
pub mod report;
pub mod runtime;
pub mod spec;
pub mod user;

use std::convert::Infallible;
use std::ffi::{OsString, c_int};

use args::{Args, Checkpoint, Delete, Dialect, Exec};
use config::{ConfigError, Environment, Loaded, Settings};
use error::Error;
use record::Container;
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
        Err((error, status)) => {
            report::report(&error, &argv);
            status
        }
    }
}

/// Returns the exit status with the error.
fn become_runtime(argv: &[OsString]) -> Result<Infallible, (Error, c_int)> {
    let (environment, settings, runtime) = prepare(argv).map_err(|error| (error, 1))?;
    let dialect = Dialect::of(runtime.name());
    let tail = argv.get(1..).unwrap_or_default();
    if let Some(create) = Args::parse(tail, dialect) {
        return inject::create(&create, &settings, &environment, &runtime).map_err(|error| (error, 1));
    }
    if let Some(exec) = Exec::parse(tail, dialect) {
        let done = exec::exec(&exec, &settings, &environment, &runtime);
        return done.map_err(|error| (error, runtime.exec_failure()));
    }
    if let Some(Checkpoint { root, id }) = Checkpoint::parse(tail, dialect) {
        let container = Container::new(&environment, &runtime, root.as_ref(), id.as_ref());
        if let Some(container) = container.filter(Container::has_values) {
            may_be_written(&container, &settings).map_err(|error| (error, 1))?;
        }
    }
    fate::tell_of_delete(tail, &environment, &runtime);
    if let Some(Delete { root, id, force }) = Delete::parse(tail, dialect) {
        let container = Container::new(&environment, &runtime, root.as_ref(), id.as_ref());
        if let Some(container) = container {
            container.deleted(force);
        }
    }
    runtime.exec(tail).map_err(|error| (error.into(), 1))
}

fn may_be_written(container: &Container, settings: &Loaded) -> Result<(), Error> {
    let settings = settings.as_ref().map_err(ConfigError::clone)?;
    if settings.allow_checkpoint { Ok(()) } else { Err(Error::Checkpoint { id: container.id().to_owned() }) }
}

/// Settings that can't be used hinder only what needs them: without a `kill` or a `delete` an engine would lose containers
/// that run.
fn prepare(argv: &[OsString]) -> Result<(Environment, Loaded, Runtime), Error> {
    let environment = Environment::of_process();
    let settings = Settings::load(&environment);
    let runtime = match &settings {
        Ok(settings) => Runtime::find(settings, argv.first())?,
        Err(error) => Runtime::by_name(argv.first()).ok_or_else(|| error.clone())?,
    };
    Ok((environment, settings, runtime))
}
