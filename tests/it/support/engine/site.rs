//! A folder, namespaces and a runtime, bare or behind the shim.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::process::wait_until;
use crate::support::realm::{Cgroups, Realm};
use crate::support::{programs, rootfs};

/// The runtimes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Runc,
    Crun,
    Youki,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Youki => "youki",
        }
    }

    /// The real program.
    pub(crate) fn program(self) -> PathBuf {
        match self {
            Self::Runc | Self::Crun => programs::system(self.name(), self.name()),
            Self::Youki => programs::tool("youki"),
        }
    }

    /// The control groups that it works with on any machine.
    pub(crate) fn cgroups(self) -> Cgroups {
        if self == Self::Crun { Cgroups::Unified } else { Cgroups::Machine }
    }

    /// What it needs before its command to work on any machine.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Runc | Self::Youki => &[],
            Self::Crun => &["--cgroup-manager=disabled"],
        }
    }
}

/// How the shim is set up.
#[derive(Clone)]
pub(crate) struct ShimSettings {
    pub(crate) program: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) deadline: &'static str,
}

/// Where an engine keeps everything, and the runtime that it calls.
pub(crate) struct Site {
    pub(crate) kind: Kind,
    pub(crate) realm: Realm,
    pub(crate) rootfs: PathBuf,
    /// The runtime, or the shim under the name that makes it call this runtime.
    pub(crate) program: PathBuf,
    /// The file that `AMPOULE_SHIM_CONFIG` has to name.
    pub(crate) shim_config: Option<PathBuf>,
    /// Where the runtime keeps its state, inside the realm.
    pub(crate) state: PathBuf,
    /// Who starts the containers.
    pub(crate) user: u32,
    settings: Option<(PathBuf, ShimSettings)>,
    /// After `realm`, as the folder: both can be removed when the last process has gone.
    pub(crate) cgroup: CgroupParent,
    folder: TempDir,
}

impl Site {
    pub(crate) fn new(folder: TempDir, kind: Kind, shim: Option<&ShimSettings>) -> Self {
        Self::with_cgroups(folder, kind, shim, kind.cgroups())
    }

    pub(crate) fn with_cgroups(folder: TempDir, kind: Kind, shim: Option<&ShimSettings>, cgroups: Cgroups) -> Self {
        Self::in_realm(folder, kind, shim, Realm::new(cgroups))
    }

    pub(crate) fn in_realm(folder: TempDir, kind: Kind, shim: Option<&ShimSettings>, realm: Realm) -> Self {
        let path = folder.path();
        let rootfs = path.join("rootfs");
        rootfs::build(&rootfs);
        let name = path.file_name().expect("named folder").to_string_lossy();
        let settings = shim.map(|shim| (path.join("shim.yaml"), shim.clone()));
        let site = Self {
            kind,
            realm,
            rootfs,
            program: shim.map_or_else(|| kind.program(), |shim| link_to_shim(path, kind, &shim.program)),
            shim_config: settings.as_ref().map(|(path, _)| path.clone()),
            state: Path::new("/run").join(kind.name()),
            user: 0,
            settings,
            cgroup: CgroupParent(format!("/ampoule-{name}-{}", kind.name())),
            folder,
        };
        site.write_settings();
        site
    }

    /// Has these be a user's settings, where the shim finds them by itself; the folder is that user's home.
    pub(crate) fn belong_to(&mut self, user: u32) {
        self.user = user;
        self.shim_config = None;
        let Some((path, _)) = &mut self.settings else { return };
        let own = self.folder.path().join(".config/ampoule/shim.yaml");
        fs::create_dir_all(own.parent().expect("folder")).expect("folder");
        fs::rename(&path, &own).expect("settings");
        for path in [self.folder.path().join(".config"), own.with_file_name(""), own.clone()] {
            chown(path, Some(user), Some(user)).expect("owner");
        }
        *path = own;
    }

    /// Has the shim wait for the daemon for so long from now on.
    pub(crate) fn set_deadline(&mut self, deadline: &'static str) {
        self.settings.as_mut().expect("a shim").1.deadline = deadline;
        self.write_settings();
    }

    fn write_settings(&self) {
        let Some((path, ShimSettings { socket, deadline, .. })) = &self.settings else { return };
        let runtime = self.kind.program();
        let text = format!("runtime: {}\nsocket: {}\ndeadline: {deadline}\n", runtime.display(), socket.display());
        fs::write(path, text).expect("shim.yaml");
    }

    /// Holds all that the engine keeps.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The runtime's command line, logging where `log` says. To be run in the realm.
    pub(crate) fn runtime(&self, args: &[&str]) -> Command {
        self.command_line(&self.program, args)
    }

    /// The same command line for the real runtime.
    #[allow(dead_code, reason = "for the benchmarks")]
    pub(crate) fn bare_runtime(&self, args: &[&str]) -> Command {
        self.command_line(&self.kind.program(), args)
    }

    fn command_line(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(self.folder());
        if let Some(config) = &self.shim_config {
            command.env("AMPOULE_SHIM_CONFIG", config);
        }
        command.args(self.kind.options()).arg("--log").arg(self.log()).args(["--log-format", "json"]).args(args);
        command
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder().join("runtime.log")
    }

    /// The containers that the runtime knows, by its own state directory.
    pub(crate) fn containers(&self) -> Vec<String> {
        let state = self.realm.outside(self.state.to_str().expect("UTF-8"));
        let Ok(entries) = fs::read_dir(state) else { return Vec::new() };
        let names = entries.map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned());
        // crun 1.21 keeps `.cache` there.
        names.filter(|name| !name.starts_with('.')).collect()
    }

    /// The processes in the realm that run the shim's program, but for one.
    pub(crate) fn helpers(&self, but: u32) -> Vec<u32> {
        let shim = fs::canonicalize(&self.program).expect("shim");
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let runs_shim = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == shim);
        pids.filter(|&pid| pid != but && runs_shim(pid) && self.realm.holds(pid)).collect()
    }

    /// Waits until no process of the shim is there.
    ///
    /// One that forks and ends while it is looked for is missed, and so is its child; the child is seen the next time.
    #[track_caller]
    pub(crate) fn wait_for_helpers(&self) {
        wait_until("the helpers have gone", || self.helpers(0).is_empty() && self.helpers(0).is_empty());
    }
}

/// An engine's error tells its runtime's name, and it must be the shim's name that tells which runtime to use.
fn link_to_shim(folder: &Path, kind: Kind, shim: &Path) -> PathBuf {
    let link = folder.join(format!("ampoule-{}", kind.name()));
    symlink(shim, &link).expect("link to the shim");
    link
}

/// The control group above a test's containers. Removed at the end: groups outlive namespaces.
pub(crate) struct CgroupParent(pub(crate) String);

impl Drop for CgroupParent {
    fn drop(&mut self) {
        let name = self.0.trim_start_matches('/');
        let Ok(hierarchies) = fs::read_dir("/sys/fs/cgroup") else { return };
        for hierarchy in hierarchies.flatten() {
            remove_group(&hierarchy.path().join(name));
        }
        remove_group(&Path::new("/sys/fs/cgroup").join(name));
    }
}

fn remove_group(group: &Path) {
    let Ok(entries) = fs::read_dir(group) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_group(&entry.path());
    }
    let _ = fs::remove_dir(group);
}
