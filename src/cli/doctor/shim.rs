//! The shim, its settings, and the runtimes that it becomes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::super::runtime::own_folder;
use super::elf::{self, Linking};
use super::version;
use super::{Check, Context};
use crate::config::{ShimSettings, client_socket};

const INSTALL: &str = "Install Ampoule with `make build install`, and call the ampoule that it installed.";
/// How the shim calls them in its errors.
const SETTINGS: &str = "the shim's settings";

pub(super) fn check(context: &Context) -> Vec<Check> {
    let folder = own_folder().unwrap_or_default();
    let shim = folder.join("ampoule-shim");
    let mut checks = vec![program(&shim)];
    // By this name it has to read them to know which runtime to become.
    let fault = version::ask(&shim).err().filter(|why| why.contains(SETTINGS));
    let mut runtimes = Vec::new();
    for name in ["runc", "crun"] {
        let link = folder.join(format!("ampoule-{name}"));
        if !fs::canonicalize(&link).is_ok_and(|path| fs::canonicalize(&shim).is_ok_and(|shim| path == shim)) {
            checks.push(Check::fail("shim", format!("{} does not lead to the shim", link.display()), INSTALL));
            continue;
        }
        match version::ask(&link) {
            Ok(said) => runtimes.push(version::judge(name, &link, &said)),
            Err(why) => runtimes.push(missing(name, &why)),
        }
    }
    checks.push(judge_settings(context, fault));
    if !runtimes.is_empty() && runtimes.iter().all(|check| !check.remedy.is_empty() && check.message.starts_with(NONE))
    {
        checks.push(Check::fail("runtime", "there is neither runc nor crun".to_owned(), "Install one of them."));
    }
    checks.extend(runtimes);
    checks
}

fn program(shim: &Path) -> Check {
    let place = shim.display();
    match elf::linking(shim) {
        Ok(Linking::Static) => Check::ok("shim", format!("{place}, static")),
        Ok(Linking::Dynamic) => {
            let message =
                format!("{place} is not static: each container starts later, and none while a library is replaced");
            Check::warn("shim", message, INSTALL)
        }
        Ok(Linking::Unknown) => Check::fail("shim", format!("{place} is no program for this machine"), INSTALL),
        Err(_) => Check::fail("shim", format!("{place} is not there"), INSTALL),
    }
}

const NONE: &str = "the shim finds none";

fn missing(name: &str, why: &str) -> Check {
    let why = why.trim_start_matches("ampoule: ");
    Check::warn(name, format!("{NONE}: {why}"), &format!("Install {name} if you want containers to run by it."))
}

/// `fault` is what the shim says of them.
fn judge_settings(context: &Context, fault: Option<String>) -> Check {
    const NAME: &str = "shim settings";
    let settings = ShimSettings::find(&context.environment);
    let file = settings.path.display();
    if let Some(fault) = fault {
        let message = fault.trim_start_matches("ampoule: ").to_owned();
        let remedy = if settings.path.try_exists().unwrap_or(true) {
            format!("Correct {file}; its keys are in docs/settings.md.")
        } else {
            format!("Make {file}, or unset AMPOULE_SHIM_CONFIG.")
        };
        return Check::fail(NAME, message, &remedy);
    }
    let found = fs::metadata(&settings.path);
    if found.as_ref().is_ok_and(|found| found.mode() & 0o022 != 0) {
        let message =
            format!("others than its owner may write {file}, and so choose the program that containers run by");
        return Check::fail(NAME, message, &format!("Take that right away: `chmod go-w {file}`."));
    }
    let named = if context.environment.names_shim_config() {
        " (AMPOULE_SHIM_CONFIG here: engines hand that on only if they are told to)"
    } else {
        ""
    };
    let Some(asked) = settings.socket else {
        return Check::warn(NAME, format!("{file} can't be read"), "Look at it as the user who starts containers.");
    };
    match client_socket(&context.environment, &context.flags) {
        Ok(own) if own != asked => {
            let asked = asked.display();
            let message = format!("by {file}{named} the shim asks at {asked}, this command at {}", own.display());
            Check::warn(NAME, message, &format!("Set `socket:` in {file}, or give --socket."))
        }
        _ if found.is_err() => {
            Check::ok(NAME, format!("there is no {file}: by default it asks at {}", asked.display()))
        }
        _ => Check::ok(NAME, format!("{file}{named}: it asks at {}", asked.display())),
    }
}
