//! The programs in a folder, as `make install` puts them there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::programs;

/// A folder with the command line, the shim and the shim's links.
pub(crate) struct Installed {
    folder: PathBuf,
}

impl Installed {
    /// Installs into `bin` of this folder.
    pub(crate) fn below(folder: &Path) -> Self {
        let folder = folder.join("bin");
        fs::create_dir(&folder).expect("folder");
        // The command line looks beside itself, so a link to it would not do.
        let (ours, theirs) = (programs::ampoule(), folder.join("ampoule"));
        fs::hard_link(&ours, &theirs).unwrap_or_else(|_| programs::copy(&ours, &theirs));
        symlink(programs::shim(), folder.join("ampoule-shim")).expect("link");
        for name in ["ampoule-runc", "ampoule-crun"] {
            symlink("ampoule-shim", folder.join(name)).expect("link");
        }
        Self { folder }
    }

    /// One of the programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `ampoule` with these arguments, and no more of an environment than a login has.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program("ampoule"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", "/root").args(args);
        command
    }
}
