//! Folders with an instance's token, which its containers see: on a file system that is in memory, never on a disk.
//!
//! A folder for each instance, below one that the daemon's user alone may enter. The token itself may be read by everybody who
//! comes so far: in a container that is whatever user its image names.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};
use nix::unistd::geteuid;
use zeroize::Zeroizing;

use crate::authz::BearerToken;
use crate::domain::InstanceId;

/// The file that clients look for in the folder.
pub(super) const TOKEN_FILE: &str = "token.json";
/// `RAMFS_MAGIC` of linux/magic.h.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// The folder above those of all instances.
#[derive(Clone, Debug)]
pub struct StateFolder {
    path: PathBuf,
}

impl StateFolder {
    /// Makes it if it isn't there; why it can't be used if that is so.
    pub fn prepare(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let above = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
        let kind = statfs(above).map_err(|errno| failed(errno.into()))?.filesystem_type();
        if kind != TMPFS_MAGIC && kind != RAMFS_MAGIC {
            return Err(format!("{} is not on a tmpfs", path.display()));
        }
        make(path).map_err(failed)?;
        let meta = fs::symlink_metadata(path).map_err(failed)?;
        if !meta.is_dir() || meta.uid() != geteuid().as_raw() || meta.mode() & 0o077 != 0 {
            return Err(format!("{} is not a folder that its owner alone may enter", path.display()));
        }
        Ok(Self { path: path.to_owned() })
    }

    /// The part of it that is one vault's.
    pub fn of_vault(&self, vault: &str) -> Result<Self, String> {
        let path = self.path.join(vault);
        make(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes an instance's token, before its containers are made.
    pub(super) fn write(&self, id: &InstanceId, bearer: BearerToken) -> io::Result<()> {
        let folder = self.path.join(id.as_str());
        make(&folder)?;
        let bearer = bearer.into_secret();
        let text = Zeroizing::new([br#"{"bearer_token":""#, bearer.expose(), b"\"}\n"].concat());
        let path = folder.join(TOKEN_FILE);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path)?;
        file.write_all(&text)?;
        file.set_permissions(Permissions::from_mode(0o444))?;
        fs::set_permissions(&folder, Permissions::from_mode(0o555))
    }

    /// Removes what an instance that is over has there.
    pub(super) fn remove(&self, id: &InstanceId) {
        remove(&self.path.join(id.as_str()));
    }

    /// Removes what is there of all instances but these.
    pub(super) fn sweep(&self, living: &[InstanceId]) {
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            if !living.iter().any(|id| name == id.as_str()) {
                remove(&entry.path());
            }
        }
    }
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn remove(folder: &Path) {
    // It may not be written in, by its owner either who has no capability.
    let removed = match fs::set_permissions(folder, Permissions::from_mode(0o700)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => fs::remove_dir_all(folder),
    };
    if let Err(error) = removed {
        tracing::warn!(folder = %folder.display(), error = error.to_string(), "an instance's token file can't be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> InstanceId {
        name.parse().expect("an id")
    }

    #[test]
    fn a_token_is_kept_in_memory_and_swept_with_its_instance() {
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder on a tmpfs");
        let path = folder.path().join("a/b");
        let state = StateFolder::prepare(&path).expect("prepared").of_vault("tenant_a").expect("made");
        for name in ["inst-a", "inst-b", "inst-c"] {
            state.write(&id(name), BearerToken::from_random(&[7; 32])).expect("written");
        }
        let file = state.path().join("inst-a/token.json");
        let token: serde_json::Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
        assert!(token["bearer_token"].as_str().is_some_and(|token| token.starts_with("amp_")));
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
        let folders = [&path, state.path(), &file.with_file_name("")].map(mode);
        assert_eq!((folders, mode(&file)), ([0o700, 0o700, 0o555], 0o444));
        state.remove(&id("inst-a"));
        state.remove(&id("inst-a"));
        state.sweep(&[id("inst-c")]);
        let left: Vec<_> = fs::read_dir(state.path()).expect("there").flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["inst-c"]);
    }

    #[test]
    fn a_folder_on_a_disk_or_for_others_is_refused() {
        let folder = tempfile::tempdir_in("/dev/shm").expect("a folder on a tmpfs");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("mode");
        let error = StateFolder::prepare(folder.path()).expect_err("others may enter");
        assert!(error.contains("its owner alone"), "{error}");
        let error = StateFolder::prepare(Path::new("/proc/nothing")).expect_err("no tmpfs");
        assert!(error.contains("/proc/nothing is not on a tmpfs"), "{error}");
    }
}
