//! What the command line sets.
#![allow(clippy::doc_markdown, reason = "these comments are the help that people read, where backticks are noise")]

use std::num::NonZeroU32;
use std::path::PathBuf;

use super::{AuditSink, LogFormat, RootKeyProvider};

/// The flags that the daemon and its clients share.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct ClientFlags {
    /// The settings file [env: AMPOULE_CONFIG] [default: /etc/ampoule/ampoule.yaml, ~/.config/ampoule/ampoule.yaml]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// The daemon's socket [env: AMPOULE_SOCKET] [default: ampoule/ampoule.sock in /run or $XDG_RUNTIME_DIR]
    #[arg(long, value_name = "PATH", global = true, help_heading = "Global options")]
    pub socket: Option<PathBuf>,
}

/// The flags of the daemon.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Flags {
    /// Those that its clients have too; the command line takes them before and after the command's name.
    #[arg(skip)]
    pub client: ClientFlags,
    /// Where the vault lies [env: AMPOULE_STATE_DIR] [default: /var/lib/ampoule, ~/.local/state/ampoule]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// What opens the vault [env: AMPOULE_ROOT_KEY] [default: keyfile]
    #[arg(long, value_name = "PROVIDER")]
    pub root_key: Option<RootKeyProvider>,
    /// The keyfile, made at the first start [env: AMPOULE_KEYFILE] [default: root.key in the state directory]
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_file")]
    pub keyfile: Option<PathBuf>,
    /// A file that holds the passphrase [env: AMPOULE_PASSPHRASE_FILE] [default: the systemd credential
    /// ampoule.passphrase, else a prompt]
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// How log lines are written [env: AMPOULE_LOG_FORMAT] [default: human]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// What is logged: error, warn, info, debug or trace [env: AMPOULE_LOG_LEVEL] [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// How many of the newest versions of a secret keep their value [env: AMPOULE_VERSIONS_KEPT] [default: 10]
    #[arg(long, value_name = "N")]
    pub versions_kept: Option<NonZeroU32>,
    /// Where the audit log goes too: stdout, syslog or a file's path [env: AMPOULE_AUDIT_SINK]
    #[arg(long, value_name = "SINK")]
    pub audit_sink: Option<AuditSink>,
}

impl ClientFlags {
    /// These, and what they don't set from others.
    pub(super) fn over(self, other: Self) -> Self {
        Self { config: self.config.or(other.config), socket: self.socket.or(other.socket) }
    }
}

impl Flags {
    /// These, and what they don't set from others.
    pub(super) fn over(self, other: Self) -> Self {
        // A keyfile named here and a passphrase named there are a change of mind, not a contradiction.
        let names_root_key = self.root_key.is_some() || self.keyfile.is_some() || self.passphrase_file.is_some();
        let (root_key, keyfile, passphrase_file) = if names_root_key {
            (self.root_key, self.keyfile, self.passphrase_file)
        } else {
            (other.root_key, other.keyfile, other.passphrase_file)
        };
        Self {
            client: self.client.over(other.client),
            state_dir: self.state_dir.or(other.state_dir),
            root_key,
            keyfile,
            passphrase_file,
            log_format: self.log_format.or(other.log_format),
            log_level: self.log_level.or(other.log_level),
            versions_kept: self.versions_kept.or(other.versions_kept),
            audit_sink: self.audit_sink.or(other.audit_sink),
        }
    }
}
