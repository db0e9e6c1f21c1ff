//! The engines of this host, and whether they know the shim.

use std::path::PathBuf;

use super::super::runtime::{Engine, Registration, survey};
use super::version;
use super::{Check, Context};

/// Each engine, the program that is it, and what runtimes are registered with if that can be done.
const ENGINES: [(&str, &str, Option<Engine>); 4] = [
    ("podman", "podman", Some(Engine::Podman)),
    ("docker", "dockerd", Some(Engine::Docker)),
    ("containerd", "containerd", Some(Engine::Containerd)),
    ("buildah", "buildah", None),
];

pub(super) fn check(context: &Context) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, program, engine) in ENGINES {
        let Some(path) = find(context, program) else { continue };
        checks.push(match version::ask(&path) {
            Ok(said) => version::judge(name, &path, &said),
            Err(why) => Check::warn(name, format!("{} fails: {why}", path.display()), "See that it works by itself."),
        });
        checks.extend(engine.map(|engine| registration(context, engine)));
    }
    if checks.is_empty() {
        let message = "none of podman, dockerd, containerd and buildah is in PATH".to_owned();
        checks.push(Check::warn("engine", message, "Install one of them, or call ampoule-runc in the place of runc."));
    }
    checks
}

fn find(context: &Context, program: &str) -> Option<PathBuf> {
    let folders = context.environment.program_dirs();
    folders.into_iter().map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The machine's settings or, for others than root, their own.
fn registration(context: &Context, engine: Engine) -> Check {
    let name = format!("{} runtimes", engine.name());
    let is_root = context.environment.uid() == 0;
    let places: &[bool] = if is_root { &[false] } else { &[true, false] };
    let mut found = Vec::new();
    for rootless in places {
        match survey(context, engine, *rootless, None) {
            Ok(registration) => found.push(registration),
            Err(error) => return Check::error(&name, &error),
        }
    }
    let rootless = if is_root { "" } else { " --rootless" };
    let install = format!("Run `ampoule runtime install --engine {}{rootless}`.", engine.name());
    match found.iter().find(|registration| !registration.runtimes.is_empty()) {
        None => Check::warn(&name, format!("{} knows no runtime of Ampoule", engine.name()), &install),
        Some(registration) => judge(&name, registration, &install),
    }
}

fn judge(name: &str, registration: &Registration, install: &str) -> Check {
    let file = registration.file.display();
    if let Some(missing) = registration.runtimes.iter().find(|runtime| !runtime.found) {
        let message = format!("{file} says that {} is {}, where no program is", missing.name, missing.path.display());
        return Check::fail(name, message, install);
    }
    let names: Vec<&str> = registration.runtimes.iter().map(|runtime| runtime.name.as_str()).collect();
    Check::ok(name, format!("{} in {file}", names.join(", ")))
}
