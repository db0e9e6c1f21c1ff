//! What of the shim's settings others than the shim want to know.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

use super::Environment;

/// Where the shim's settings are, and the daemon that they name.
pub struct ShimSettings {
    /// The file, which need not be there.
    pub path: PathBuf,
    /// The socket that the shim asks at; none if the file can't be understood, which the shim itself tells best.
    pub socket: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
struct File {
    socket: Option<PathBuf>,
}

impl ShimSettings {
    /// Those that a shim with this environment reads.
    pub fn find(environment: &Environment) -> Self {
        let path = environment.shim_config();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let file = if text.trim().is_empty() { Some(File::default()) } else { serde_yaml::from_str(&text).ok() };
        let socket = file.map(|file: File| file.socket.unwrap_or_else(|| environment.socket()));
        Self { path, socket }
    }
}
