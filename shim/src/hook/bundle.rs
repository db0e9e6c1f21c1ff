//! Where podman will write the configuration, which it doesn't say.
//!
//! podman keeps a container in `GRAPHROOT/DRIVER-containers/ID/userdata`, or, with a transient store, in the same below its
//! run directory. The mounts that it makes itself have their sources there; the root file system is below the graph root.

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};

use crate::spec::Spec;

/// `ramfs` (linux/magic.h), which nix doesn't name.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// A container's bundle.
pub(super) struct Bundle {
    /// The directory.
    pub(super) path: PathBuf,
    /// The container's id.
    pub(super) id: String,
}

/// Finds the bundle, if the configuration is one of podman's.
pub(super) fn find(spec: &Spec<'_>) -> Option<Bundle> {
    let own = spec.mount_sources().find_map(|source| userdata(Path::new(&*source)))?;
    let root = spec.root_path()?;
    // As `overlay-containers/ID/userdata`.
    let below = own.components().rev().take(3).collect::<Vec<_>>().into_iter().rev().collect::<PathBuf>();
    let containers = below.components().next()?;
    let graph = Path::new(&*root).ancestors().find(|path| path.join(containers).is_dir())?;
    let id = below.components().nth(1)?.as_os_str().to_str()?.to_owned();
    let path = Some(graph.join(&below)).filter(|path| path.is_dir()).unwrap_or(own);
    Some(Bundle { path, id })
}

/// The `DRIVER-containers/ID/userdata` that a path is below.
fn userdata(path: &Path) -> Option<PathBuf> {
    let fits = |path: &&Path| {
        let mut parts = path.components().rev().map(|part| part.as_os_str().to_str().unwrap_or_default());
        let id = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        parts.next() == Some("userdata")
            && parts.next().is_some_and(id)
            && parts.next().is_some_and(|part| part.ends_with("-containers"))
    };
    path.ancestors().find(fits).map(Path::to_owned)
}

/// Refuses a bundle that is not in memory, or that was not found.
pub(super) fn check(bundle: Option<&Bundle>, settings: &Path) -> Result<(), BundleError> {
    let settings = || settings.to_owned();
    let bundle = bundle.ok_or_else(|| BundleError::Unknown { settings: settings() })?;
    let path = || bundle.path.clone();
    match statfs(&bundle.path) {
        Ok(status) if [TMPFS_MAGIC, RAMFS_MAGIC].contains(&status.filesystem_type()) => Ok(()),
        Ok(_) => Err(BundleError::OnDisk { path: path(), settings: settings() }),
        Err(errno) => Err(BundleError::Unreadable { path: path(), errno }),
    }
}

/// A bundle that gets no value.
#[derive(Debug, thiserror::Error)]
pub(super) enum BundleError {
    /// Not found.
    #[error(
        "it can't be told where podman will write the values; the container was not created: use ampoule-shim as its \
         runtime, or set `allow_plaintext_bundle: true` in {} if they may reach a disk", settings.display()
    )]
    Unknown {
        /// The file that can allow it.
        settings: PathBuf,
    },
    /// On a disk.
    #[error(
        "podman would write the values to a disk, in {}; the container was not created: use ampoule-shim as its runtime, \
         keep podman's storage on a tmpfs, or set `allow_plaintext_bundle: true` in {}", path.display(), settings.display()
    )]
    OnDisk {
        /// The bundle.
        path: PathBuf,
        /// The file that can allow it.
        settings: PathBuf,
    },
    /// The kernel doesn't say.
    #[error("the file system of {} can't be told ({}); the container was not created: use ampoule-shim as its runtime", path.display(), errno.desc())]
    Unreadable {
        /// The bundle.
        path: PathBuf,
        /// Why.
        errno: Errno,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "9b8fe548c57de5fb8d49833af6859933d9d24dc5f9a653fcaab260db081b0fa5";

    fn found(graph: &Path, sources: &[String]) -> Option<PathBuf> {
        let mounts: Vec<_> = sources.iter().map(|source| serde_json::json!({"source": source})).collect();
        let root = graph.join("overlay/c2/merged");
        let text = serde_json::json!({"root": {"path": root}, "mounts": mounts}).to_string();
        let bundle = find(&Spec::parse(text.as_bytes()).expect("parses"))?;
        assert_eq!(bundle.id, ID);
        Some(bundle.path)
    }

    #[test]
    fn the_bundle_is_below_the_graph_root_unless_the_store_is_transient() {
        let folder = tempfile::tempdir().expect("a directory");
        let (graph, run) = (folder.path().join("graph"), folder.path().join("run"));
        let userdata = |root: &Path| root.join(format!("overlay-containers/{ID}/userdata"));
        let sources = ["proc".to_owned(), userdata(&run).join("hosts").display().to_string()];
        std::fs::create_dir_all(userdata(&run)).expect("made");
        assert_eq!(found(&graph, &sources), None, "no graph root");
        std::fs::create_dir_all(graph.join("overlay-containers")).expect("made");
        assert_eq!(found(&graph, &sources), Some(userdata(&run)));
        std::fs::create_dir_all(userdata(&graph)).expect("made");
        assert_eq!(found(&graph, &sources), Some(userdata(&graph)));
        assert_eq!(found(&graph, &["/etc/hosts".to_owned(), "tmpfs".to_owned()]), None, "not podman's");
    }

    #[test]
    fn a_bundle_on_a_disk_is_refused() {
        let settings = Path::new("/etc/ampoule/shim.yaml");
        let at = |path: &str| {
            let bundle = Bundle { path: path.into(), id: ID.to_owned() };
            check(Some(&bundle), settings).map_err(|error| error.to_string())
        };
        assert_eq!(at("/dev/shm"), Ok(()));
        assert!(at("/proc").expect_err("refused").contains("allow_plaintext_bundle"));
        assert!(at("/nonexistent").expect_err("refused").contains("/nonexistent"));
        assert!(check(None, settings).expect_err("refused").to_string().contains("allow_plaintext_bundle"));
    }
}
