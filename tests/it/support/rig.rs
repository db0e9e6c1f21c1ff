//! Everything that an injection needs: a daemon, and an engine whose runtime is the shim.

use std::io::{self, Write};
use std::panic;
use std::path::PathBuf;
use std::sync::Once;

use tempfile::TempDir;

use super::daemon::Daemon;
use super::engine::{Bare, Buildah, Containerd, Docker, Engine, Kind, Podman, ShimSettings, Site, rootless};
use super::programs;

/// A daemon and an engine in one folder, which is the engine's to remove.
pub(crate) struct Rig<E: ?Sized = dyn Engine> {
    pub(crate) daemon: Daemon,
    pub(crate) engine: E,
}

impl Rig<Bare> {
    pub(crate) fn runc() -> Self {
        Self::patient(Kind::Runc)
    }

    pub(crate) fn crun() -> Self {
        Self::patient(Kind::Crun)
    }

    pub(crate) fn youki() -> Self {
        Self::patient(Kind::Youki)
    }

    pub(crate) fn patient(kind: Kind) -> Self {
        Self::new(kind, programs::shim(), "10s", Bare::new)
    }

    /// One whose shim can be stopped on its way by a [`super::gate::Gate`].
    pub(crate) fn stoppable(kind: Kind) -> Self {
        Self::new(kind, programs::shim_with_phases(), "10s", Bare::new)
    }

    /// One whose shim gives up early, for tests that wait for it to.
    pub(crate) fn impatient(kind: Kind) -> Self {
        Self::new(kind, programs::shim(), "2s", Bare::new)
    }
}

impl Rig<Podman> {
    pub(crate) fn podman_runc() -> Self {
        Self::new(Kind::Runc, programs::shim(), "10s", Podman::new)
    }

    pub(crate) fn podman_crun() -> Self {
        Self::new(Kind::Crun, programs::shim(), "10s", Podman::new)
    }

    pub(crate) fn stoppable_podman(kind: Kind) -> Self {
        Self::new(kind, programs::shim_with_phases(), "10s", Podman::new)
    }

    /// A user's podman, and the user's own daemon. Its shim finds its settings in the user's home.
    pub(crate) fn podman_rootless() -> Self {
        fail_aloud();
        let folder = temporary_folder();
        let daemon = Daemon::start_as(rootless::USER, folder.path());
        // Ours may lie where that user can't go.
        let program = folder.path().join("ampoule-shim");
        programs::copy(&programs::shim(), &program);
        let settings = ShimSettings { program, socket: daemon.socket(), deadline: "10s" };
        let engine = Podman::rootless(Site::new(folder, Kind::Crun, Some(&settings)));
        Self { daemon, engine }
    }
}

impl Rig<Docker> {
    pub(crate) fn docker() -> Self {
        Self::new(Kind::Runc, programs::shim(), "10s", Docker::new)
    }
}

impl Rig<Containerd> {
    pub(crate) fn containerd() -> Self {
        Self::new(Kind::Runc, programs::shim(), "10s", Containerd::new)
    }
}

impl Rig<Buildah> {
    pub(crate) fn buildah() -> Self {
        Self::new(Kind::Runc, programs::shim(), "10s", Buildah::new)
    }
}

impl<E> Rig<E> {
    fn new(kind: Kind, program: PathBuf, deadline: &'static str, engine: impl FnOnce(Site) -> E) -> Self {
        fail_aloud();
        let folder = temporary_folder();
        let daemon = Daemon::start(folder.path());
        let settings = ShimSettings { program, socket: daemon.socket(), deadline };
        let engine = engine(Site::new(folder, kind, Some(&settings)));
        Self { daemon, engine }
    }
}

/// A folder with a short name: a unix socket's path has at most 107 bytes, podman's run directory 50.
pub(crate) fn temporary_folder() -> TempDir {
    tempfile::Builder::new().prefix("amp").tempdir_in("/tmp").expect("temporary folder")
}

/// Has a test that fails say why beside the daemon's last words, not only at the end of all.
fn fail_aloud() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |why| {
            let _ = writeln!(io::stderr(), "--- {why}");
            usual(why);
        }));
    });
}

/// Prints the daemon's last words with a test that failed.
impl<E: ?Sized> Drop for Rig<E> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = writeln!(io::stderr(), "--- the daemon's log\n{}---", self.daemon.log_text());
        }
    }
}
