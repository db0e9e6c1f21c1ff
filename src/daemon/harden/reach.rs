//! What is left of the file system and the network, by landlock(7).

use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, make_bitflags,
};

/// The newest version whose rights are all taken into account. On an older kernel fewer of them are denied.
const NEWEST: ABI = ABI::V7;

/// The paths that the daemon still opens. What is open already stays so, and sockets that are bound accept.
pub(in crate::daemon) struct Reach {
    /// Folders in which it makes, writes, renames and removes files.
    pub(in crate::daemon) folders: Vec<PathBuf>,
    /// Folders in which it makes and removes folders, and files in these.
    pub(in crate::daemon) trees: Vec<PathBuf>,
    /// Folders in which it makes and removes sockets.
    pub(in crate::daemon) sockets: Vec<PathBuf>,
    /// Files that it reads, now or when others have replaced them.
    pub(in crate::daemon) read: Vec<PathBuf>,
    /// Folders all of whose files it reads.
    pub(in crate::daemon) looked_into: Vec<PathBuf>,
    /// Files that it writes, now or when others have rotated them away.
    pub(in crate::daemon) written: Vec<PathBuf>,
}

impl Reach {
    /// Everything else is refused from now on: other files, running a program, TCP connections to elsewhere, new TCP
    /// listeners, and signals to other processes.
    pub(super) fn enforce(&self) -> Result<(), RulesetError> {
        let folder = make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | MakeReg | RemoveFile});
        let tree = make_bitflags!(AccessFs::{ReadDir | WriteFile | MakeReg | RemoveFile | MakeDir | RemoveDir});
        let socket = make_bitflags!(AccessFs::{MakeSock | RemoveFile});
        let read = make_bitflags!(AccessFs::{ReadFile});
        let written = make_bitflags!(AccessFs::{ReadFile | WriteFile | Truncate | MakeReg});
        let all = |paths: &[PathBuf], access| paths.iter().map(|path| (path.clone(), access)).collect::<Vec<_>>();
        let around = |paths: &[PathBuf], access| {
            paths.iter().flat_map(|path| places(path)).map(|path| (path, access)).collect::<Vec<_>>()
        };
        let rules = [
            // SQLite takes its random numbers from there.
            all(&[PathBuf::from("/dev/urandom")], read),
            all(&self.folders, folder),
            all(&self.trees, tree),
            all(&self.sockets, socket),
            all(&self.looked_into, read),
            around(&self.read, read),
            around(&self.written, written),
        ];
        report(&restrict(rules.concat())?);
        Ok(())
    }
}

fn restrict(rules: Vec<(PathBuf, BitFlags<AccessFs>)>) -> Result<RestrictionStatus, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        // Not abstract sockets too: systemd may want to be told on one.
        .scope(Scope::Signal)?
        .create()?;
    for (path, access) in rules {
        match PathFd::new(&path) {
            Ok(opened) => ruleset = ruleset.add_rule(PathBeneath::new(opened, access))?,
            // It is out of reach then, and what needs it says so.
            Err(error) => tracing::warn!(path = %path.display(), error = error.to_string(), "out of reach from now on"),
        }
    }
    ruleset.restrict_self()
}

/// Where a file is, and where it will be once it has been replaced: its folder, and that of what a link leads to. What is
/// no file, such as a pipe or a device, is only itself.
fn places(path: &Path) -> Vec<PathBuf> {
    let target = fs::canonicalize(path).ok();
    match target {
        Some(special) if !special.is_file() && !special.is_dir() => vec![special],
        target => {
            [Some(path), target.as_deref()].into_iter().flatten().filter_map(Path::parent).map(Path::to_owned).collect()
        }
    }
}

fn report(status: &RestrictionStatus) {
    match status.ruleset {
        RulesetStatus::FullyEnforced => {}
        RulesetStatus::PartiallyEnforced => {
            tracing::info!("landlock is older than what it is asked for: it denies less");
        }
        RulesetStatus::NotEnforced => tracing::warn!(
            "the kernel has no landlock: no file is out of reach but by its owner and mode. It takes Linux 5.13 or newer, with \
             landlock in its lsm= parameter"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_reached_where_it_is_and_where_it_will_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = fs::canonicalize(folder.path()).expect("a path");
        let [there, linked] = ["there", "linked"].map(|name| root.join(name));
        fs::create_dir(&there).and_then(|()| fs::create_dir(&linked)).expect("folders");
        let (file, link) = (there.join("file"), linked.join("link"));
        assert_eq!(places(&file), [there.as_path()]);
        fs::write(&file, "").and_then(|()| symlink(&file, &link)).expect("a file");
        assert_eq!(places(&file), [there.as_path(), &there]);
        assert_eq!(places(&link), [linked, there]);
        assert_eq!(places(Path::new("/dev/null")), [Path::new("/dev/null")]);
    }
}
