//! A place on the shim's way at which a test can stop it.

use std::fs;
use std::path::{Path, PathBuf};

use super::process::wait_until;
use super::realm::Realm;

/// Where the shim looks for gates, in its realm (`shim/src/phase.rs`).
pub(crate) const FOLDER: &str = "/run/ampoule-phases";

/// A gate before which the shim, or its helper, waits until it is opened.
pub(crate) struct Gate {
    folder: PathBuf,
    phase: &'static str,
}

impl Gate {
    /// Closes the gate of this phase for everything in the realm.
    pub(crate) fn close(realm: &Realm, phase: &'static str) -> Self {
        let folder = realm.outside(FOLDER);
        fs::create_dir_all(&folder).expect("gates");
        fs::write(folder.join(phase), "").expect("gate");
        Self { folder, phase }
    }

    /// Waits until somebody stands before it.
    pub(crate) fn wait_until_reached(&self) {
        wait_until(self.phase, || self.visitor().exists());
    }

    /// Lets everybody pass.
    pub(crate) fn open(self) {
        fs::remove_file(self.folder.join(self.phase)).expect("gate");
        let _ = fs::remove_file(self.visitor());
    }

    /// The file in which the one who waits tells its process id.
    fn visitor(&self) -> PathBuf {
        Path::new(&self.folder).join(self.phase).with_extension("pid")
    }
}
