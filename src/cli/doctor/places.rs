//! The folder of what must not outlive the machine's running.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::super::volatile::is_in_memory;
use super::{Check, Context};

/// The run directory, or the nearest folder above that is there.
pub(super) fn check(context: &Context) -> Vec<Check> {
    const NAME: &str = "run directory";
    let run = context.environment.run_dir();
    // The rule of the shim, which puts no files where others could lead it elsewhere.
    let own = [0, context.environment.uid()];
    if fs::metadata(&run).is_ok_and(|meta| meta.mode() & 0o022 != 0 || !own.contains(&meta.uid())) {
        let message = format!("others may write in {}, so no container gets files", run.display());
        return vec![Check::fail(NAME, message, "It must be root's or your own, of mode 755: `chown` and `chmod` it.")];
    }
    let there = run.ancestors().find(|folder| folder.is_dir());
    if there.is_some_and(is_in_memory) {
        return vec![Check::ok(NAME, format!("{} is in memory", run.display()))];
    }
    let message = format!("{} is on a disk, where what a crash leaves stays", run.display());
    vec![Check::warn(NAME, message, "Mount a tmpfs on /run; for a user's own, set XDG_RUNTIME_DIR to a folder of one.")]
}
