//! The environment that settings come from, and the places that follow from it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{AuditSink, ClientFlags, ConfigError, Endpoint, Flags, xdg};

/// The variables of a process, and the user whom it runs as. Tests make their own.
///
/// Not `Debug`: people keep secrets in there.
#[derive(Clone, Default)]
pub struct Environment {
    variables: HashMap<OsString, OsString>,
    uid: u32,
}

/// Our folder among those of other programs.
const OWN: &str = "ampoule";

/// The name of the credential that holds the vault's passphrase (systemd.exec(5), `LoadCredential=`).
const PASSPHRASE_CREDENTIAL: &str = "ampoule.passphrase";

impl Environment {
    /// The environment of this process.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads it")]
    pub fn of_process() -> Self {
        Self { variables: std::env::vars_os().collect(), uid: nix::unistd::geteuid().as_raw() }
    }

    /// An environment of these variables and this user.
    pub fn new<const N: usize>(variables: [(&str, &str); N], uid: u32) -> Self {
        let owned = variables.map(|(name, value)| (name.into(), value.into()));
        Self { variables: owned.into(), uid }
    }

    /// The settings file that is read if none is named.
    pub(super) fn default_file(&self) -> Option<PathBuf> {
        if self.uid == 0 {
            return Some(PathBuf::from("/etc/ampoule/ampoule.yaml"));
        }
        self.config_dir(OWN).map(|folder| folder.join("ampoule.yaml"))
    }

    pub(super) fn state_dir(&self) -> Option<PathBuf> {
        if self.uid == 0 {
            return Some(PathBuf::from("/var/lib/ampoule"));
        }
        xdg(self.path("XDG_STATE_HOME"), self.path("HOME"), ".local/state", OWN)
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.run_dir().join("ampoule.sock")
    }

    /// The user's own settings of this program.
    pub fn config_dir(&self, program: &str) -> Option<PathBuf> {
        xdg(self.path("XDG_CONFIG_HOME"), self.path("HOME"), ".config", program)
    }

    /// Where what lives as long as the machine runs is kept: `/run/ampoule`, or the user's own.
    pub fn run_dir(&self) -> PathBuf {
        if self.uid == 0 {
            return PathBuf::from("/run/ampoule");
        }
        let own = self.path("XDG_RUNTIME_DIR").filter(|path| path.is_absolute()).map(Path::to_owned);
        own.unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", self.uid))).join("ampoule")
    }

    /// Where plaintext for a moment may lie: folders that are usually in memory, the user's own first.
    pub fn volatile_dirs(&self) -> Vec<PathBuf> {
        let own = self.path("XDG_RUNTIME_DIR").map(Path::to_owned);
        own.into_iter().chain(["/dev/shm", "/run", "/tmp"].map(PathBuf::from)).collect()
    }

    /// The folders in which programs are looked for.
    pub fn program_dirs(&self) -> Vec<PathBuf> {
        let usual = OsStr::new("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        let path = self.set("PATH").unwrap_or(usual);
        std::env::split_paths(path).filter(|folder| folder.is_absolute()).collect()
    }

    /// The kind of terminal that the user has.
    pub fn terminal_kind(&self) -> Option<Cow<'_, str>> {
        self.text("TERM")
    }

    /// Whether the shim's settings file is named, so that it must not be chosen for it.
    pub fn names_shim_config(&self) -> bool {
        self.path("AMPOULE_SHIM_CONFIG").is_some()
    }

    /// The shim's settings file, as the shim looks for it where `HOME` is set.
    pub(super) fn shim_config(&self) -> PathBuf {
        let machine = || PathBuf::from("/etc/ampoule/shim.yaml");
        let own = || self.config_dir(OWN).map(|folder| folder.join("shim.yaml")).filter(|file| file.exists());
        let named = self.path("AMPOULE_SHIM_CONFIG").map(Path::to_owned);
        named.or_else(|| own().filter(|_| self.uid != 0)).unwrap_or_else(machine)
    }

    /// The file that podman reads in place of all others (containers.conf(5)).
    pub fn containers_conf(&self) -> Option<PathBuf> {
        self.path("CONTAINERS_CONF").map(Path::to_owned)
    }

    /// The user whom the process runs as.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The daemon elsewhere that existing clients are told to call.
    pub(super) fn endpoint(&self) -> Result<Option<Endpoint>, ConfigError> {
        let expected = || "https://HOST or https://HOST:PORT".to_owned();
        let wrong = |_| ConfigError::Variable { name: "NSC_ENDPOINT", expected: expected() };
        self.text("NSC_ENDPOINT").map(|text| text.parse().map_err(wrong)).transpose()
    }

    pub(super) fn named_token_file(&self) -> Option<&Path> {
        self.path("NSC_TOKEN_FILE")
    }

    /// Where existing clients look for a token file if none is named.
    pub(super) fn token_files(&self) -> Vec<PathBuf> {
        [PathBuf::from("/var/run/nsc/token.json")].into_iter().chain(self.own_token_file()).collect()
    }

    /// Where a login is kept: the file that is named, or the user's own one.
    pub fn login_file(&self) -> Option<PathBuf> {
        self.named_token_file().map(Path::to_owned).or_else(|| self.own_token_file())
    }

    /// The user's own one of these.
    pub(super) fn own_token_file(&self) -> Option<PathBuf> {
        self.config_dir("ns").map(|folder| folder.join("token.json"))
    }

    /// Whether the user asked for no colours (<https://no-color.org>).
    pub fn no_color(&self) -> bool {
        self.set("NO_COLOR").is_some() || self.set("TERM").is_some_and(|terminal| terminal == "dumb")
    }

    pub(super) fn passphrase_credential(&self) -> Option<PathBuf> {
        Some(self.path("CREDENTIALS_DIRECTORY")?.join(PASSPHRASE_CREDENTIAL)).filter(|file| file.exists())
    }

    /// What the variables set, as if it had been said by flags.
    pub(super) fn flags(&self) -> Result<Flags, ConfigError> {
        Ok(Flags {
            client: self.client_flags(),
            state_dir: self.path("AMPOULE_STATE_DIR").map(Path::to_owned),
            root_key: self.choice("AMPOULE_ROOT_KEY")?,
            keyfile: self.path("AMPOULE_KEYFILE").map(Path::to_owned),
            passphrase_file: self.path("AMPOULE_PASSPHRASE_FILE").map(Path::to_owned),
            log_format: self.choice("AMPOULE_LOG_FORMAT")?,
            log_level: self.text("AMPOULE_LOG_LEVEL").map(Cow::into_owned),
            versions_kept: self.number("AMPOULE_VERSIONS_KEPT")?,
            audit_sink: self.sink("AMPOULE_AUDIT_SINK")?,
        })
    }

    pub(super) fn client_flags(&self) -> ClientFlags {
        let path = |name| self.path(name).map(Path::to_owned);
        ClientFlags { config: path("AMPOULE_CONFIG"), socket: path("AMPOULE_SOCKET") }
    }

    /// A variable that is set to something.
    fn set(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    fn path(&self, name: &str) -> Option<&Path> {
        self.set(name).map(Path::new)
    }

    /// What is not UTF-8 makes no sense either, and is to be refused where it is read.
    fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.set(name).map(OsStr::to_string_lossy)
    }

    fn choice<T: ValueEnum>(&self, name: &'static str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let names = T::value_variants().iter().filter_map(T::to_possible_value);
        let expected = || names.map(|value| value.get_name().to_owned()).collect::<Vec<_>>().join(" or ");
        T::from_str(&text, false).map(Some).map_err(|_| ConfigError::Variable { name, expected: expected() })
    }

    fn sink(&self, name: &'static str) -> Result<Option<AuditSink>, ConfigError> {
        let wrong = || ConfigError::Variable { name, expected: "stdout, syslog or an absolute path".to_owned() };
        self.text(name).map(|text| text.parse().map_err(|_| wrong())).transpose()
    }

    fn number(&self, name: &'static str) -> Result<Option<NonZeroU32>, ConfigError> {
        let wrong = || ConfigError::Variable { name, expected: "a number from 1 on".to_owned() };
        self.text(name).map(|text| text.parse().map_err(|_| wrong())).transpose()
    }
}
