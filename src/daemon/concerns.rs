//! What can be wrong with the places that the settings name: looked at by `ampoule doctor`, and by a daemon for its dashboard.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::config::{RootKeySettings, Settings};
use crate::domain::Concern;

/// What a look found: how it is, or what is wrong; nothing if it can't be seen from here.
pub type Look = Option<Result<String, Concern>>;

/// What a daemon looks at, again and again.
pub(super) struct Watched {
    socket: PathBuf,
    keyfile: Option<PathBuf>,
    /// What is wrong since the start.
    since_start: Vec<Concern>,
}

impl Watched {
    /// The places of these settings. `state` is why containers can't be given tokens of their instances, if they can't.
    pub(super) fn new(settings: &Settings, state: Option<String>) -> Self {
        let instances = state.map(|message| Concern {
            about: "instances",
            message: format!("containers can't be given tokens of their instances: {message}"),
            remedy: "Set `instances.state_folder`, if any are to have one.".to_owned(),
            is_grave: false,
        });
        Self {
            socket: settings.socket.clone(),
            keyfile: keyfile(settings),
            since_start: instances.into_iter().collect(),
        }
    }

    /// What is wrong now.
    pub(super) fn look(&self) -> Vec<Concern> {
        let uid = nix::unistd::geteuid().as_raw();
        let looks = [
            of_program(Path::new("/proc/self/exe")),
            of_socket(&self.socket, uid),
            self.keyfile.as_deref().and_then(of_keyfile),
        ];
        let found = looks.into_iter().flatten().filter_map(Result::err);
        self.since_start.iter().cloned().chain(found).collect()
    }
}

/// Where the root key lies, if it is in a file.
pub fn keyfile(settings: &Settings) -> Option<PathBuf> {
    let RootKeySettings::Keyfile { path } = &settings.root_key else { return None };
    Some(path.clone().unwrap_or_else(|| settings.state_dir.join("root.key")))
}

/// Whether a daemon's program is still there, by the link to it.
pub fn of_program(link: &Path) -> Look {
    let program = fs::read_link(link).ok()?.display().to_string();
    if !program.contains("/ampoule") {
        // By systemd's socket it is systemd that listens.
        return None;
    }
    Some(if program.ends_with(" (deleted)") {
        Err(Concern {
            about: "daemon program",
            message: "the daemon runs a program that was replaced since".to_owned(),
            remedy: "Restart it: `systemctl restart ampoule`.".to_owned(),
            is_grave: false,
        })
    } else {
        Ok(program)
    })
}

/// Who may connect, and who could put another socket in its place; `uid` is whoever asks.
pub fn of_socket(socket: &Path, uid: u32) -> Look {
    let wrong = |is_grave, message: String, remedy: String| Err(Concern { about: "socket", message, remedy, is_grave });
    let meta = fs::symlink_metadata(socket).ok()?;
    let (place, mode, owner) = (socket.display(), meta.mode() & 0o7777, meta.uid());
    if !meta.file_type().is_socket() {
        let remedy = "Remove it, and start the daemon again.".to_owned();
        return Some(wrong(true, format!("{place} is no socket"), remedy));
    }
    let folder = socket.parent()?;
    let above = fs::metadata(folder).ok()?;
    // Where the sticky bit is set, nobody replaces what is another's.
    if above.mode() & 0o022 != 0 && above.mode() & 0o1000 == 0 {
        let message = format!("others may write in {}, and put a socket in this one's place", folder.display());
        return Some(wrong(true, message, format!("`chmod go-w {}`.", folder.display())));
    }
    let message = format!("{place}, mode {mode:04o}, user {owner}, group {}", meta.gid());
    Some(if mode & 0o006 != 0 {
        let remedy = format!("`chmod o= {place}`, or SocketMode= in ampoule.socket.");
        wrong(false, format!("{message}: every user may connect"), remedy)
    } else if owner != 0 && owner != uid {
        wrong(
            false,
            format!("{message}: it is neither root's nor yours"),
            "See that this is the daemon's user.".to_owned(),
        )
    } else {
        Ok(message)
    })
}

/// Whether others may read the root key.
pub fn of_keyfile(path: &Path) -> Look {
    let (meta, place) = (fs::metadata(path).ok()?, path.display());
    Some(if meta.mode() & 0o077 != 0 {
        Err(Concern {
            about: "root key",
            message: format!("others may read {place}"),
            remedy: format!("`chmod 0400 {place}`."),
            is_grave: true,
        })
    } else {
        Ok(format!("{place}, of which there should be a copy elsewhere"))
    })
}
