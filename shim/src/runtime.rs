//! Finds the real runtime and becomes it.

use std::convert::Infallible;
use std::ffi::{CString, OsString, c_int};
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::execv;

use crate::args::Dialect;
use crate::config::{RuntimeChoice, Settings};

/// Where a runtime is looked for by its name; the environment's PATH plays no part.
const DIRECTORIES: [&str; 6] = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/sbin", "/bin"];

/// The runtime that this process becomes.
#[derive(Clone, Debug)]
pub struct Runtime {
    path: PathBuf,
}

impl Runtime {
    /// Finds the runtime: by the shim's own name (`ampoule-crun`), else by the settings.
    pub fn find(settings: &Settings, own_name: Option<&OsString>) -> Result<Self, RuntimeError> {
        let candidates = match (named(own_name), &settings.runtime) {
            (Some(name), choice) => candidates_of_name(name, choice),
            (None, RuntimeChoice::Any) => ["runc", "crun"].into_iter().flat_map(in_directories).collect(),
            (None, RuntimeChoice::One(path)) if path.is_absolute() => vec![path.clone()],
            (None, RuntimeChoice::One(name)) => in_directories(&name.to_string_lossy()),
            (None, RuntimeChoice::FirstOf(paths)) => paths.clone(),
        };
        first_of(candidates)
    }

    /// The same without settings, if the shim's own name tells it.
    pub fn by_name(own_name: Option<&OsString>) -> Option<Self> {
        first_of(candidates_of_name(named(own_name)?, &RuntimeChoice::Any)).ok()
    }

    /// The runtime's absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The runtime's file name.
    pub fn name(&self) -> &str {
        self.path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
    }

    /// Whether this runtime reads config.json again later, when the values are gone from it.
    pub fn reads_again(&self) -> bool {
        ["runsc", "krun"].contains(&self.name())
    }

    /// How it ends when it can't start a process in a container.
    pub fn exec_failure(&self) -> c_int {
        if Dialect::of(self.name()) == Dialect::Go { 255 } else { 1 }
    }

    /// Becomes the runtime; returns only if that fails.
    pub fn exec(&self, arguments: &[OsString]) -> Result<Infallible, RuntimeError> {
        let broken = |_| RuntimeError::Exec { path: self.path.clone(), errno: Errno::EINVAL };
        let path = CString::new(self.path.as_os_str().as_bytes()).map_err(broken)?;
        let tail = arguments.iter().map(|argument| CString::new(argument.as_bytes()));
        let argv: Vec<_> = std::iter::once(Ok(path.clone())).chain(tail).collect::<Result<_, _>>().map_err(broken)?;
        execv(&path, &argv).map_err(|errno| RuntimeError::Exec { path: self.path.clone(), errno })
    }
}

/// The runtime that the shim is called by.
fn named(own_name: Option<&OsString>) -> Option<&str> {
    let own_name = own_name.and_then(|name| Path::new(name).file_name()).and_then(|name| name.to_str());
    own_name.and_then(|name| name.strip_prefix("ampoule-")).filter(|name| *name != "shim")
}

/// A path of this name that the settings have, else where such names are.
fn candidates_of_name(name: &str, choice: &RuntimeChoice) -> Vec<PathBuf> {
    let set = match choice {
        RuntimeChoice::Any => Vec::new(),
        RuntimeChoice::One(path) => vec![path.clone()],
        RuntimeChoice::FirstOf(paths) => paths.clone(),
    };
    let fits = |path: &PathBuf| path.is_absolute() && path.file_name().is_some_and(|file| file == name);
    set.into_iter().filter(fits).chain(in_directories(name)).collect()
}

fn in_directories(name: &str) -> Vec<PathBuf> {
    DIRECTORIES.iter().map(|directory| Path::new(directory).join(name)).collect()
}

fn first_of(candidates: Vec<PathBuf>) -> Result<Runtime, RuntimeError> {
    let own = std::fs::metadata("/proc/self/exe").ok();
    let mut only_us = false;
    for path in &candidates {
        let Ok(found) = std::fs::metadata(path) else { continue };
        if own.as_ref().is_some_and(|own| same_file(own, &found)) {
            only_us = true;
        } else if found.is_file() && found.permissions().mode() & 0o111 != 0 {
            return Ok(Runtime { path: path.clone() });
        }
    }
    Err(if only_us { RuntimeError::Ourselves { candidates } } else { RuntimeError::NotFound { candidates } })
}

fn same_file(one: &Metadata, other: &Metadata) -> bool {
    one.dev() == other.dev() && one.ino() == other.ino()
}

/// A runtime that this process can't become.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// None of the candidates is an executable file.
    #[error(
        "no OCI runtime at {}: install runc or crun, or set `runtime:` in /etc/ampoule/shim.yaml",
        list(candidates)
    )]
    NotFound {
        /// Where it was looked for.
        candidates: Vec<PathBuf>,
    },
    /// The candidate is the shim.
    #[error("{} is this shim itself: set `runtime:` in /etc/ampoule/shim.yaml to the real runtime", list(candidates))]
    Ourselves {
        /// Where it was looked for.
        candidates: Vec<PathBuf>,
    },
    /// The kernel refused.
    #[error("{} can't be executed ({}): check the file", path.display(), errno.desc())]
    Exec {
        /// The runtime.
        path: PathBuf,
        /// Why.
        errno: Errno,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn find(runtime: RuntimeChoice, own_name: &str) -> Result<Runtime, RuntimeError> {
        let settings = Settings {
            path: PathBuf::new(),
            runtime,
            socket: "/s".into(),
            deadline: Duration::from_secs(1),
            allow_plaintext_bundle: false,
            allow_checkpoint: false,
            allow_runtimes: Vec::new(),
            exec: true,
        };
        Runtime::find(&settings, Some(&own_name.into()))
    }

    #[test]
    fn an_absolute_path_is_taken_as_it_is() {
        let found = find(RuntimeChoice::One("/bin/sh".into()), "/x/ampoule-shim").expect("found");
        assert_eq!(found.path(), Path::new("/bin/sh"));
    }

    #[test]
    fn the_first_that_is_there() {
        let several = RuntimeChoice::FirstOf(vec!["/nonexistent/runc".into(), "/etc/passwd".into(), "/bin/sh".into()]);
        assert_eq!(find(several, "ampoule-shim").expect("found").name(), "sh");
    }

    #[test]
    fn our_own_name_goes_first() {
        assert_eq!(find(RuntimeChoice::One("/bin/cat".into()), "/opt/ampoule-sh").expect("found").name(), "sh");
    }

    #[test]
    fn any_runtime_can_be_named() {
        let folder = tempfile::tempdir().expect("a directory");
        let youki = folder.path().join("youki");
        std::fs::write(&youki, "").expect("writes");
        std::fs::set_permissions(&youki, std::fs::Permissions::from_mode(0o755)).expect("makes it executable");
        let found = find(RuntimeChoice::One(youki.clone()), "/usr/local/bin/ampoule-youki").expect("found");
        assert_eq!(found.path(), youki);
        assert!(!found.reads_again());
    }

    #[test]
    fn the_shim_never_becomes_itself() {
        let own = std::env::current_exe().expect("a path");
        let error = find(RuntimeChoice::One(own), "ampoule-shim").expect_err("refused");
        assert!(matches!(error, RuntimeError::Ourselves { .. }), "{error}");
    }

    #[test]
    fn a_missing_runtime_is_named() {
        let error = find(RuntimeChoice::One("nonesuch".into()), "ampoule-shim").expect_err("refused").to_string();
        assert!(error.contains("/usr/bin/nonesuch") && error.contains("runtime:"), "{error}");
    }
}
