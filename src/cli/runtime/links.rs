//! The shim under the names that make it become one runtime or the other.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::CliError;

/// Where the shim's links are: paths in UTF-8, as JSON and TOML want them.
pub(super) struct Links {
    runc: String,
    crun: String,
}

impl Links {
    /// The links beside this program.
    pub(super) fn find() -> Result<Self, CliError> {
        let own = own_folder().unwrap_or_default();
        let shim = fs::canonicalize(own.join("ampoule-shim"));
        let shim = shim.map_err(|_| missing(&own.join("ampoule-shim")))?;
        for name in ["ampoule-runc", "ampoule-crun"] {
            if !fs::canonicalize(own.join(name)).is_ok_and(|path| path == shim) {
                return Err(missing(&own.join(name)));
            }
        }
        let folder = own.to_str().ok_or_else(|| CliError::Program {
            reason: format!("the engines can't be told the path {}, which is not UTF-8", own.display()),
            remedy: "Install Ampoule elsewhere: `make install PREFIX=/usr/local`.".to_owned(),
        })?;
        Ok(Self::in_folder(folder))
    }

    /// Those in this folder, which may be there no more.
    pub(super) fn in_folder(folder: &str) -> Self {
        let link = |name: &str| format!("{}/{name}", folder.trim_end_matches('/'));
        Self { runc: link("ampoule-runc"), crun: link("ampoule-crun") }
    }

    pub(super) fn path(&self, name: &str) -> &str {
        if name == "ampoule-crun" { &self.crun } else { &self.runc }
    }
}

/// The folder that this program is in.
pub(in crate::cli) fn own_folder() -> Option<PathBuf> {
    fs::canonicalize("/proc/self/exe").ok()?.parent().map(Path::to_owned)
}

fn missing(path: &Path) -> CliError {
    CliError::Program {
        reason: format!("{} is not there, or is not the shim", path.display()),
        remedy: "Install Ampoule with `make install`, and call the ampoule that it installed.".to_owned(),
    }
}
