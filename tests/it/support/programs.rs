//! Where the programs are, and what to do if one is missing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process;

/// The daemon and command line.
pub(crate) fn ampoule() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_ampoule"))
}

/// The daemon with server reflection, which is off by default (`src/api/reflection.rs`).
#[allow(clippy::disallowed_methods, reason = "where to find it is for a caller of the tests to set")]
pub(crate) fn ampoule_with_reflection() -> PathBuf {
    let path = env::var_os("AMPOULE_TEST_REFLECTION").map(PathBuf::from).unwrap_or_default();
    assert!(
        path.is_file(),
        "AMPOULE_TEST_REFLECTION is \"{}\", not a daemon with the feature `reflection`: run `make test`, which builds one",
        path.display()
    );
    path
}

/// The shim: cargo builds it into the same folder, but not for the sake of this package's tests.
#[allow(clippy::disallowed_methods, reason = "where to find the shim is the one thing that a caller of the tests sets")]
pub(crate) fn shim() -> PathBuf {
    let path = env::var_os("AMPOULE_TEST_SHIM").map_or_else(|| ampoule().with_file_name("ampoule-shim"), PathBuf::from);
    assert!(
        path.is_file(),
        "{} is missing: run `make test`, or `cargo build --workspace` first, or set AMPOULE_TEST_SHIM",
        path.display()
    );
    path
}

/// The shim with places to kill it at (`shim/src/phase.rs`).
#[allow(clippy::disallowed_methods, reason = "where to find the shim is the one thing that a caller of the tests sets")]
pub(crate) fn shim_with_phases() -> PathBuf {
    let path = env::var_os("AMPOULE_TEST_SHIM_PHASES").map(PathBuf::from).unwrap_or_default();
    assert!(
        path.is_file(),
        "AMPOULE_TEST_SHIM_PHASES is \"{}\", not a shim that can be stopped: run `make test`, which builds one",
        path.display()
    );
    path
}

/// Node's packages, as `scripts/npm.sh` unpacks them: exactly those of the lock file.
pub(crate) fn node_modules() -> PathBuf {
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/package-lock.json");
    let folder = tools().join("node_modules");
    let unpacked = fs::read(folder.join(".lock")).unwrap_or_default();
    let is_current = unpacked == fs::read(lock).expect(lock);
    assert!(is_current, "{} is missing or not what {lock} says: run `make deps`", folder.display());
    folder
}

/// A program that is no package of Debian's: `scripts/deps.sh` builds it.
pub(crate) fn tool(name: &str) -> PathBuf {
    let path = tools().join("bin").join(name);
    assert!(path.is_file(), "{} is missing: run `make deps`", path.display());
    path
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools")
}

/// Copies a program to run it from there.
///
/// Another process does it: while this one has the copy open for writing, other tests start processes, which have it open
/// until they execute something. Who would run the copy before that is told "text file busy".
#[track_caller]
pub(crate) fn copy(program: &Path, to: &Path) {
    process::run(Command::new(system("cp", "coreutils")).arg("--").arg(program).arg(to), b"").ok();
}

/// A program of the machine. A missing one fails the test: what isn't run isn't shown.
///
/// Debian's own first: an engine's programs have to be of one version.
pub(crate) fn system(name: &str, debian_package: &str) -> PathBuf {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is missing: `apt install {debian_package}`, or `make deps`"))
}
