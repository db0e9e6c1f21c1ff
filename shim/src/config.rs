//! The shim's settings, and the only place that reads the environment.
//!
//! Engines call `state` and `delete` with almost no environment, so settings come from a file.

use std::env;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;
use serde::Deserialize;

use crate::user;

/// Where the settings are unless `AMPOULE_SHIM_CONFIG` names another file, or a user has their own.
pub const FILE: &str = "/etc/ampoule/shim.yaml";

/// What the shim takes from its environment.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `AMPOULE_SHIM_CONFIG`: the settings file.
    pub config: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config_home: Option<PathBuf>,
    /// `HOME`; engines leave it out when they call `start` and `delete`.
    pub home: Option<PathBuf>,
    /// The user for whom this process runs, also where that user is root of a user namespace.
    pub uid: u32,
    /// The effective user, as this process sees it.
    pub euid: u32,
    /// `LISTEN_FDS`: how many descriptors after the standard ones a container or process is to inherit.
    pub listen_fds: u32,
    /// `USER`.
    pub user: Option<OsString>,
}

impl Environment {
    /// The environment of this process.
    #[allow(clippy::disallowed_methods)]
    pub fn of_process() -> Self {
        let path = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let listen_fds = env::var("LISTEN_FDS").ok().and_then(|number| number.parse().ok()).unwrap_or_default();
        Self {
            config: path("AMPOULE_SHIM_CONFIG"),
            runtime_dir: path("XDG_RUNTIME_DIR"),
            config_home: path("XDG_CONFIG_HOME"),
            home: path("HOME"),
            uid: user::of_process(),
            euid: geteuid().as_raw(),
            listen_fds,
            user: env::var_os("USER"),
        }
    }

    /// Where a runtime keeps its containers' states unless it is told: as runc 1.1 and crun 1.8 choose it.
    pub fn state_root(&self, runtime: &str) -> PathBuf {
        let runtime = if runtime.contains("crun") { "crun" } else { runtime };
        let users_own = self.runtime_dir.as_ref().filter(|_| runtime == "crun" || self.euid != 0 || self.is_rootless());
        users_own.map_or(Path::new("/run"), PathBuf::as_path).join(runtime)
    }

    /// Whether this is the root of a user namespace that another user has made.
    fn is_rootless(&self) -> bool {
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let is_whole = map.split_whitespace().eq(["0", "0", "4294967295"]);
        !is_whole && self.user.as_ref().is_some_and(|user| !user.is_empty() && user != "root")
    }

    /// The directory for what lives as long as the machine runs: `/run/ampoule`, or the user's own.
    pub fn run_dir(&self) -> PathBuf {
        if self.uid == 0 {
            return PathBuf::from("/run/ampoule");
        }
        let user = self.runtime_dir.clone().unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", self.uid)));
        user.join("ampoule")
    }

    /// The settings file that is read if none is named: the user's own if there is one, else the host's.
    fn default_file(&self) -> PathBuf {
        let own = (self.uid != 0).then(|| self.own_file()).flatten();
        own.filter(|file| file.exists()).unwrap_or_else(|| PathBuf::from(FILE))
    }

    /// Where a user's own settings are, by the XDG Base Directory Specification.
    fn own_file(&self) -> Option<PathBuf> {
        let set = self.config_home.clone().filter(|folder| folder.is_absolute());
        let home = || self.home.clone().or_else(|| user::home(self.uid)).map(|home| home.join(".config"));
        set.or_else(home).map(|folder| folder.join("ampoule/shim.yaml"))
    }
}

/// What a variable's name has before it that tells the second hook what stood there.
pub const EARLIER: &str = "AMPOULE_EARLIER_";

/// What stood in the place of a variable, as the first hook tells the second one.
#[allow(clippy::disallowed_methods)]
pub fn earlier(variable: &str) -> Option<String> {
    env::var(format!("{EARLIER}{variable}")).ok()
}

/// The arguments of this process, its name first.
pub fn arguments() -> Vec<OsString> {
    let arguments: Vec<_> = env::args_os().collect();
    if !arguments.is_empty() {
        return arguments;
    }
    // musl hands the arguments to Rust's own start-up alone, which doesn't run here.
    let line = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    line.split(|byte| *byte == 0).map(|argument| OsString::from_vec(argument.to_vec())).collect()
}

/// How long a `create` may take unless the settings say.
const USUAL_DEADLINE: Duration = Duration::from_secs(10);

/// How long a `create` may take, before it is known whether it needs the settings.
pub fn deadline(settings: &Loaded) -> Duration {
    settings.as_ref().map_or(USUAL_DEADLINE, |settings| settings.deadline)
}

/// The settings, or why they can't be used: that hinders nobody who needs none.
pub type Loaded = Result<Settings, ConfigError>;

/// The shim's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file that they are from, or would be.
    pub path: PathBuf,
    /// Which runtime to become.
    pub runtime: RuntimeChoice,
    /// The daemon's socket.
    pub socket: PathBuf,
    /// How long a `create` may take, retries included, before the runtime starts.
    pub deadline: Duration,
    /// Whether the hook may have podman write values to a disk.
    pub allow_plaintext_bundle: bool,
    /// Names of runtimes that get secrets although they read config.json again later.
    pub allow_runtimes: Vec<String>,
    /// Whether a container that has values may be written to a disk with its memory.
    pub allow_checkpoint: bool,
    /// Whether a process that is started in a running container gets the container's values.
    pub exec: bool,
}

/// Which runtime to become, unless the shim's own name says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuntimeChoice {
    /// The first of runc and crun that is found.
    Any,
    /// This name or absolute path.
    One(PathBuf),
    /// The first of these absolute paths that is there.
    FirstOf(Vec<PathBuf>),
}

/// The settings file, key by key.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    runtime: Option<PathBuf>,
    runtimes: Option<Vec<PathBuf>>,
    socket: Option<PathBuf>,
    deadline: Option<String>,
    #[serde(default)]
    allow_plaintext_bundle: bool,
    #[serde(default)]
    allow_runtimes: Vec<String>,
    #[serde(default)]
    allow_checkpoint: bool,
    exec: Option<bool>,
}

impl Settings {
    /// Reads the settings file; without one the defaults hold.
    pub fn load(environment: &Environment) -> Loaded {
        let named = environment.config.is_some();
        let path = environment.config.clone().unwrap_or_else(|| environment.default_file());
        let settings = match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text, environment),
            Err(error) if error.kind() == ErrorKind::NotFound && !named => {
                Self::of(&path, File::default(), environment)
            }
            Err(error) => Err(Fault::Unreadable(error.kind())),
        };
        settings.map_err(|fault| ConfigError { path, fault })
    }

    fn parse(path: &Path, text: &str, environment: &Environment) -> Result<Self, Fault> {
        if text.trim().is_empty() {
            return Self::of(path, File::default(), environment);
        }
        let file: File = serde_yaml::from_str_with_options(text, options()).map_err(|error| {
            let message = error.without_snippet().to_string();
            Fault::Yaml(message)
        })?;
        Self::of(path, file, environment)
    }

    fn of(path: &Path, file: File, environment: &Environment) -> Result<Self, Fault> {
        let socket = file.socket.unwrap_or_else(|| environment.run_dir().join("ampoule.sock"));
        if !socket.is_absolute() {
            return Err(Fault::Relative { key: "socket", path: socket });
        }
        let deadline = file.deadline.as_deref().map_or(Ok(USUAL_DEADLINE), duration)?;
        let runtime = choice(file.runtime, file.runtimes)?;
        let exec = file.exec.unwrap_or(true);
        let File { allow_plaintext_bundle, allow_runtimes, allow_checkpoint, .. } = file;
        let path = path.to_owned();
        Ok(Self { path, runtime, socket, deadline, allow_plaintext_bundle, allow_runtimes, allow_checkpoint, exec })
    }
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        strict_booleans: true,
        with_snippet: false,
        merge_keys: serde_yaml::options::MergeKeyPolicy::Error,
        budget: serde_yaml::budget! {
            max_reader_input_bytes: Some(64 << 10),
            max_depth: 4,
            max_nodes: 256,
            max_aliases: 0,
            max_anchors: 0,
            max_documents: 1,
        },
    }
}

fn choice(one: Option<PathBuf>, several: Option<Vec<PathBuf>>) -> Result<RuntimeChoice, Fault> {
    match (one, several) {
        (Some(_), Some(_)) => Err(Fault::TwoChoices),
        (Some(one), None) if one.is_absolute() || one.components().count() == 1 => Ok(RuntimeChoice::One(one)),
        (Some(path), None) => Err(Fault::Relative { key: "runtime", path }),
        (None, Some(several)) => match several.iter().find(|path| !path.is_absolute()) {
            Some(path) => Err(Fault::Relative { key: "runtimes", path: path.clone() }),
            None => Ok(RuntimeChoice::FirstOf(several)),
        },
        (None, None) => Ok(RuntimeChoice::Any),
    }
}

/// Reads `10s`, `500ms` or `1m`.
fn duration(text: &str) -> Result<Duration, Fault> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(Fault::Deadline { text: text.to_owned() }),
    };
    let milliseconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
    let accepted = milliseconds.filter(|milliseconds| (1..=3_600_000).contains(milliseconds));
    accepted.map(Duration::from_millis).ok_or_else(|| Fault::Deadline { text: text.to_owned() })
}

/// Settings that can't be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the shim's settings {}: {fault}", path.display())]
pub struct ConfigError {
    path: PathBuf,
    fault: Fault,
}

/// What is wrong with the settings.
#[derive(Clone, Debug, thiserror::Error)]
enum Fault {
    #[error("can't be read ({0}): check the path in AMPOULE_SHIM_CONFIG and the file's mode")]
    Unreadable(ErrorKind),
    #[error("{0}")]
    Yaml(String),
    #[error("`{key}` is {path:?}: expected an absolute path")]
    Relative { key: &'static str, path: PathBuf },
    #[error("`runtime` and `runtimes` are both given: keep one")]
    TwoChoices,
    #[error("`deadline` is {text:?}: expected a time such as 10s or 500ms, at most 60m")]
    Deadline { text: String },
}

#[cfg(test)]
mod tests {

    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(Path::new(FILE), text, &Environment::default()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn defaults() {
        let settings = parse("").expect("defaults");
        assert_eq!(settings.runtime, RuntimeChoice::Any);
        assert_eq!(settings.socket, Path::new("/run/ampoule/ampoule.sock"));
        assert_eq!((settings.deadline, settings.allow_plaintext_bundle), (Duration::from_secs(10), false));
    }

    #[test]
    fn a_user_has_a_socket_of_their_own() {
        let mut environment = Environment { uid: 1000, ..Environment::default() };
        assert_eq!(environment.run_dir(), Path::new("/run/user/1000/ampoule"));
        environment.runtime_dir = Some("/tmp/x".into());
        assert_eq!(environment.run_dir(), Path::new("/tmp/x/ampoule"));
    }

    #[test]
    fn a_user_may_have_settings_of_their_own() {
        let folder = tempfile::tempdir().expect("a directory");
        let (home, config_home) = (folder.path().join("home"), folder.path().join("config"));
        let mut environment = Environment { uid: 4_000_000_000, ..Environment::default() };
        let socket = |environment: &Environment| Settings::load(environment).expect("settings").socket;
        assert_eq!(environment.default_file(), Path::new(FILE), "a user without a home");
        environment.home = Some(home.clone());
        assert_eq!(environment.default_file(), Path::new(FILE), "none there");
        for (place, text) in [(home.join(".config"), "socket: /home\n"), (config_home.clone(), "socket: /config\n")] {
            std::fs::create_dir_all(place.join("ampoule")).expect("a directory");
            std::fs::write(place.join("ampoule/shim.yaml"), text).expect("settings");
        }
        assert_eq!(socket(&environment), Path::new("/home"));
        environment.config_home = Some(config_home);
        assert_eq!(socket(&environment), Path::new("/config"));
        environment.config_home = Some("relative".into());
        assert_eq!(socket(&environment), Path::new("/home"));
        environment.uid = 0;
        assert_eq!(environment.default_file(), Path::new(FILE));
    }

    #[test]
    fn states_are_where_the_runtime_keeps_them() {
        let mut environment = Environment { runtime_dir: Some("/tmp/x".into()), ..Environment::default() };
        assert_eq!(environment.state_root("runc"), Path::new("/run/runc"));
        assert_eq!(environment.state_root("crun"), Path::new("/tmp/x/crun"));
        environment.euid = 1000;
        assert_eq!(environment.state_root("runc"), Path::new("/tmp/x/runc"));
        assert_eq!(Environment::default().state_root("crun"), Path::new("/run/crun"));
    }

    #[test]
    fn every_key() {
        let settings = parse("runtimes: [/usr/bin/crun, /bin/runc]\nsocket: /s\ndeadline: 500ms\n").expect("parses");
        assert_eq!(settings.runtime, RuntimeChoice::FirstOf(vec!["/usr/bin/crun".into(), "/bin/runc".into()]));
        assert_eq!((settings.socket, settings.deadline), ("/s".into(), Duration::from_millis(500)));
        assert!(parse("allow_plaintext_bundle: true").expect("parses").allow_plaintext_bundle);
        assert!(parse("allow_checkpoint: true").expect("parses").allow_checkpoint);
        assert_eq!(parse("allow_runtimes: [runsc]").expect("parses").allow_runtimes, ["runsc"]);
        assert!(parse("socket: /s").expect("parses").exec && !parse("exec: false").expect("parses").exec);
        assert_eq!(parse("runtime: crun").expect("parses").runtime, RuntimeChoice::One("crun".into()));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, part) in [
            ("socket: /s\nruntme: runc\n", "line 2"),
            ("runtime: [", "line 1"),
            ("runtime: bin/runc", "absolute"),
            ("runtimes: [runc]", "absolute"),
            ("socket: s", "absolute"),
            ("runtime: runc\nruntimes: [/bin/crun]", "both"),
            ("allow_plaintext_bundle: yes", "line 1"),
            ("deadline: soon", "such as 10s"),
            ("deadline: 0s", "such as 10s"),
            ("deadline: 99999999999999999999s", "such as 10s"),
            ("socket: /a\nsocket: /b", "line 2"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_named_file_must_be_there() {
        let environment = Environment { config: Some("/nonexistent/shim.yaml".into()), ..Environment::default() };
        let error = Settings::load(&environment).expect_err("refused").to_string();
        assert!(error.contains("/nonexistent/shim.yaml"), "{error}");
    }
}
