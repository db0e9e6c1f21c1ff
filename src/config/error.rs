//! Why settings can't be used.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why settings can't be used: a cause line, then a remedy line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("the settings file {} can't be read: {error}\nMake it readable, or name another one with --config or AMPOULE_CONFIG.", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The file is not what it should be.
    #[error("{}:{line}:{column}: {reason}\nCorrect the settings file; its keys are in docs/settings.md.", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column, from 1.
        column: u64,
        /// What is wrong.
        reason: String,
    },
    /// A path depends on where the daemon was started.
    #[error("{key} is \"{}\", which is not an absolute path\nBegin it with /.", path.display())]
    Relative {
        /// The setting.
        key: &'static str,
        /// Its value.
        path: PathBuf,
    },
    /// A variable has a value that makes no sense.
    #[error("the environment variable {name} is not understood\nSet it to {expected}.")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it can be.
        expected: String,
    },
    /// Both a keyfile and a passphrase are named.
    #[error("both a keyfile and a passphrase file are set\nKeep the one that the vault was made with.")]
    TwoRootKeys,
    /// Plain HTTP where others could listen in.
    #[error(
        "listen: {address} is not a loopback address, and plaintext is for these\nLeave plaintext out, and give certificate and key or make them by `ampoule tls init`."
    )]
    PlaintextOnNetwork {
        /// The address.
        address: SocketAddr,
    },
    /// Half of a pair of files, or more than plain HTTP needs.
    #[error(
        "listen: {address} has certificate, key and plaintext in a way that makes no sense\nGive certificate and key, or neither, or plaintext: true."
    )]
    Certificate {
        /// The address.
        address: SocketAddr,
    },
    /// An image can't be one.
    #[error("{key}: {reason}\nCorrect the settings file; its keys are in docs/settings.md.")]
    Image {
        /// The setting.
        key: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// A dashboard that no browser could reach.
    #[error(
        "dashboard is true, but the daemon listens on no address\nAdd one to listen, such as {{address: 127.0.0.1:8080, plaintext: true}}."
    )]
    DashboardNowhere,
    /// There is no place for it.
    #[error("{key} is not set, and neither HOME nor the XDG variable that it follows from is\nSet {key}.")]
    NoDefault {
        /// The setting.
        key: &'static str,
    },
}
