//! Secrets as files: on a tmpfs that nobody sees but the runtime, and the container that has them.
//!
//! The shim takes a mount namespace of its own and mounts the tmpfs in that; the runtime is executed in it, and binds the
//! files into the container. So it is the kernel that removes them: when the runtime has ended, the container's own
//! mounts are the last to hold them, whoever is killed and when. On the host nothing is ever mounted.

use std::ffi::CStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use ampoule_proto::secret::SecretBytes;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;

use super::{DeliverError, sys};
use crate::phase;
use crate::private;
use crate::spec::Owner;

/// What `mount` shows as its source, in the container.
const SOURCE: &str = "ampoule";
/// More than a page and what belongs to it, on any machine.
const MARGIN: usize = 64 << 10;
/// Where files are bound from, below the run directory. It is empty for everybody else.
const FOLDER: &str = "files";

/// Makes a file of each value, and returns where the runtime finds it.
pub(crate) fn make(
    values: &[SecretBytes],
    owner: Owner,
    label: Option<&str>,
    run_dir: &Path,
) -> Result<Vec<PathBuf>, DeliverError> {
    let folder = folder(run_dir).map_err(|error| failed("make a folder in the run directory", &error))?;
    let outer = mount_of(&folder).map_err(|error| failed("find the mount of the run directory", &error))?;
    unshare(CloneFlags::CLONE_NEWNS).map_err(DeliverError::files("have mounts of its own"))?;
    outer.keep_private()?;
    mount_tmpfs(&folder, values, label)?;
    outer.share_again();
    let write = |(index, value): (usize, &SecretBytes)| {
        let path = folder.join(index.to_string());
        write(&path, value, owner).map(|()| path)
    };
    let made: io::Result<Vec<_>> = values.iter().enumerate().map(write).collect();
    let made = made.map_err(|error| failed("write a file", &error))?;
    let flags = flags() | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    let nothing = None::<&CStr>;
    mount(nothing, &folder, nothing, flags, nothing).map_err(DeliverError::files("make its file system read-only"))?;
    phase::at("files-made");
    Ok(made)
}

/// Others may pass: the root of a container with a user namespace is one of them.
fn folder(run_dir: &Path) -> io::Result<PathBuf> {
    private::make_run_dir(run_dir)?;
    let run_dir = run_dir.canonicalize()?;
    let made = fs::metadata(&run_dir)?;
    // Whoever may rename in there could have the values written elsewhere.
    if ![0, geteuid().as_raw()].contains(&made.uid()) || made.mode() & 0o022 != 0 {
        let reason =
            format!("others may write in {}: it must be root's or the user's own, of mode 755", run_dir.display());
        return Err(io::Error::other(reason));
    }
    let folder = run_dir.join(FOLDER);
    match DirBuilder::new().mode(0o755).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ if fs::symlink_metadata(&folder)?.is_dir() => Ok(folder),
        _ => Err(io::ErrorKind::NotADirectory.into()),
    }
}

fn flags() -> MsFlags {
    MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC
}

fn mount_tmpfs(folder: &Path, values: &[SecretBytes], label: Option<&str>) -> Result<(), DeliverError> {
    let size: usize = values.iter().map(|value| value.len() + MARGIN).sum::<usize>() + MARGIN;
    // Where SELinux is off the kernel knows no such option.
    let label = label.filter(|_| Path::new("/sys/fs/selinux/enforce").exists());
    let context = label.map(|label| format!(",context=\"{label}\"")).unwrap_or_default();
    let options = format!("mode=0755,size={size},nr_inodes={}{context}", values.len() + 2);
    let tmpfs = |options: &str| mount(Some(SOURCE), folder, Some("tmpfs"), flags(), Some(options));
    // Since Linux 6.4, and not for the root of a user namespace.
    let mounted = tmpfs(&format!("{options},noswap")).or_else(|_| tmpfs(&options));
    mounted.map_err(DeliverError::files("mount a tmpfs"))
}

fn write(path: &Path, value: &SecretBytes, owner: Owner) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(value.expose())?;
    fchown(&file, Some(owner.uid), Some(owner.gid))?;
    // Whatever the umask is.
    file.set_permissions(Permissions::from_mode(0o400))
}

/// The mount that a folder is on: its root, held as everybody sees it.
struct Outer {
    path: PathBuf,
    root: File,
}

/// Finds it by going up until there is another mount, or none.
fn mount_of(folder: &Path) -> io::Result<Outer> {
    let own = mount_id(&open(folder)?)?;
    let mut found = folder;
    for above in folder.ancestors() {
        if mount_id(&open(above)?)? != own {
            break;
        }
        found = above;
    }
    Ok(Outer { path: found.to_owned(), root: open(found)? })
}

impl Outer {
    /// Keeps what is mounted on it from now on from the mount namespaces that it shares mounts with.
    fn keep_private(&self) -> Result<(), DeliverError> {
        let nothing = None::<&CStr>;
        let kept = mount(nothing, &self.path, nothing, MsFlags::MS_PRIVATE, nothing);
        kept.map_err(DeliverError::files("keep mounts to itself"))
    }

    /// Undoes that: a container may have a part of it with shared mounts.
    ///
    /// What was private before stays so, and so does everything before Linux 5.15.
    fn share_again(&self) {
        if let Ok(own) = open(&self.path) {
            let _ = sys::share_mounts(&self.root, &own);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// `mnt_id` of proc(5), `/proc/pid/fdinfo`.
fn mount_id(file: &File) -> io::Result<String> {
    let text = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()))?;
    let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    id.map(|id| id.trim().to_owned()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn failed(step: &'static str, error: &io::Error) -> DeliverError {
    match error.raw_os_error() {
        Some(errno) => DeliverError::files(step)(Errno::from_raw(errno)),
        None => DeliverError::UnsafeFiles { step, reason: error.to_string() },
    }
}
