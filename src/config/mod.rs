//! Settings: a file, then the environment, then flags, each overriding the one before.
//!
//! Read once, here alone: nothing else of the daemon or the command line looks at the environment.

mod audit;
mod environment;
mod error;
mod file;
mod flags;
mod grants;
mod instances;
mod network;
mod remote;
mod shim;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

pub use audit::{AuditSink, InvalidSink};
pub use environment::Environment;
pub use error::ConfigError;
pub use flags::{ClientFlags, Flags};
pub use grants::Grants;
pub use instances::{DevboxSettings, EngineName, InstanceSettings};
pub use network::{Limits, ListenSettings, TlsSettings};
pub use remote::{Destination, Endpoint, InvalidEndpoint, RemoteFlags, token_file};
pub use shim::ShimSettings;

use file::File;

/// The newest versions of a secret that keep their value, unless the settings say otherwise.
const VERSIONS_KEPT: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// The daemon's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the vault lies.
    pub state_dir: PathBuf,
    /// Where the daemon listens.
    pub socket: PathBuf,
    /// What opens the vault.
    pub root_key: RootKeySettings,
    /// What is logged, and how.
    pub log: LogSettings,
    /// How many of the newest versions of a secret keep their value.
    pub versions_kept: NonZeroU32,
    /// Where the audit log goes beside the database.
    pub audit_sink: Option<AuditSink>,
    /// What others than root and the daemon's own user may do.
    pub grants: Grants,
    /// Where the daemon listens on the network.
    pub listen: Vec<ListenSettings>,
    /// How much of everything a client may have.
    pub limits: Limits,
    /// How containers are started, if they are.
    pub instances: Option<InstanceSettings>,
    /// Whether the dashboard is served where the daemon listens on the network.
    pub dashboard: bool,
}

/// What the root key is wrapped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootKeySettings {
    /// A key in a file; in the state directory unless a path is given.
    Keyfile {
        /// The file.
        path: Option<PathBuf>,
    },
    /// What a person remembers; asked for at the terminal unless a file has it.
    Passphrase {
        /// The file.
        file: Option<PathBuf>,
    },
}

/// The two kinds of [`RootKeySettings`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RootKeyProvider {
    /// A key in a file, made at the first start.
    Keyfile,
    /// A passphrase, from a file, a systemd credential or the terminal.
    Passphrase,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// For people or for machines.
    pub format: LogFormat,
    /// From which level on.
    pub level: String,
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// Reads them all.
    pub fn load(environment: &Environment, flags: &Flags) -> Result<Self, ConfigError> {
        let flags = flags.clone().over(environment.flags()?);
        let (named, default) = (flags.client.config.as_deref(), environment.default_file());
        let file = File::read(named, default.as_deref())?;
        // Where there is no file there are no grants, and no place of a mistake to name.
        let grants = Grants::resolve(file.grants, named.or(default.as_deref()).unwrap_or(Path::new("")))?;
        let root_key = root_key(&flags, file.root_key.unwrap_or_default(), environment)?;
        let log = file.log.unwrap_or_default();
        let state_dir = absolute("state_dir", flags.state_dir.or(file.state_dir), || environment.state_dir())?;
        if file.dashboard && file.listen.is_empty() {
            return Err(ConfigError::DashboardNowhere);
        }
        let listen = file.listen.into_iter().map(|listen| listen.settings(&state_dir));
        Ok(Self {
            listen: listen.collect::<Result<_, _>>()?,
            limits: file.limits.settings(),
            state_dir,
            socket: absolute("socket", flags.client.socket.or(file.socket), || Some(environment.socket()))?,
            root_key,
            log: LogSettings {
                format: flags.log_format.or(log.format).unwrap_or_default(),
                level: flags.log_level.or(log.level).unwrap_or_else(|| "info".to_owned()),
            },
            audit_sink: sink(flags.audit_sink.or(file.audit.unwrap_or_default().sink))?,
            versions_kept: flags.versions_kept.or(file.versions_kept).unwrap_or(VERSIONS_KEPT),
            grants,
            dashboard: file.dashboard,
            instances: file.instances.map(|written| written.settings(environment.program_dirs())).transpose()?,
        })
    }
}

/// Where the command line finds the daemon: the same sources, of which it wants only the socket.
pub fn client_socket(environment: &Environment, flags: &ClientFlags) -> Result<PathBuf, ConfigError> {
    let flags = flags.clone().over(environment.client_flags());
    // A caller who names the socket needs no file, and may not be allowed to read it.
    let set = match flags.socket {
        Some(socket) => Some(socket),
        None => File::read(flags.config.as_deref(), environment.default_file().as_deref())?.socket,
    };
    absolute("socket", set, || Some(environment.socket()))
}

/// Where the vault lies, for a command that looks at it without the daemon.
pub fn state_dir(environment: &Environment, flags: &ClientFlags) -> Result<PathBuf, ConfigError> {
    let set = environment.flags()?.state_dir;
    let set = if set.is_some() {
        set
    } else {
        let flags = flags.clone().over(environment.client_flags());
        File::read(flags.config.as_deref(), environment.default_file().as_deref())?.state_dir
    };
    absolute("state_dir", set, || environment.state_dir())
}

fn root_key(flags: &Flags, file: file::RootKey, environment: &Environment) -> Result<RootKeySettings, ConfigError> {
    let keyfile = flags.keyfile.clone().or(file.keyfile);
    let passphrase = flags.passphrase_file.clone().or(file.passphrase_file);
    let provider = flags.root_key.or(file.provider);
    // Naming a file names the provider too, in whichever place it is named; flags win over the settings file.
    let provider = match (provider, &flags.keyfile, &flags.passphrase_file) {
        (_, Some(_), Some(_)) => return Err(ConfigError::TwoRootKeys),
        (None, Some(_), None) => RootKeyProvider::Keyfile,
        (None, None, Some(_)) => RootKeyProvider::Passphrase,
        (Some(provider), ..) => provider,
        (None, None, None) => match (&keyfile, &passphrase) {
            (Some(_), Some(_)) => return Err(ConfigError::TwoRootKeys),
            (None, Some(_)) => RootKeyProvider::Passphrase,
            _ => RootKeyProvider::Keyfile,
        },
    };
    Ok(match provider {
        RootKeyProvider::Keyfile => RootKeySettings::Keyfile { path: relative_to_none("root_key.keyfile", keyfile)? },
        RootKeyProvider::Passphrase => RootKeySettings::Passphrase {
            file: relative_to_none("root_key.passphrase_file", passphrase)?
                .or_else(|| environment.passphrase_credential()),
        },
    })
}

fn sink(set: Option<AuditSink>) -> Result<Option<AuditSink>, ConfigError> {
    match set {
        Some(AuditSink::File(path)) => Ok(relative_to_none("audit.sink", Some(path))?.map(AuditSink::File)),
        set => Ok(set),
    }
}

/// A path that means the same wherever the daemon is started from.
fn relative_to_none(key: &'static str, path: Option<PathBuf>) -> Result<Option<PathBuf>, ConfigError> {
    match path {
        Some(path) if !path.is_absolute() => Err(ConfigError::Relative { key, path }),
        path => Ok(path),
    }
}

fn absolute(
    key: &'static str,
    set: Option<PathBuf>,
    default: impl FnOnce() -> Option<PathBuf>,
) -> Result<PathBuf, ConfigError> {
    relative_to_none(key, set)?.or_else(default).ok_or(ConfigError::NoDefault { key })
}

/// A program's folder in one that the XDG Base Directory Specification names: a variable, or a place below the home.
fn xdg(variable: Option<&Path>, home: Option<&Path>, below_home: &str, program: &str) -> Option<PathBuf> {
    let set = variable.filter(|path| path.is_absolute()).map(Path::to_owned);
    set.or_else(|| Some(home?.join(below_home))).map(|folder| folder.join(program))
}
