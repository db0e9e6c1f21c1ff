//! A directory of states in which the container has its own state, and a config.json that leads to a descriptor.
//!
//! For an `exec` without a description of the process. The runtime reads the process from config.json, its options change
//! it, and no copy of these rules can differ from the runtime's own.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::fd::RawFd;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

use ampoule_proto::request::json::Text;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::record::Container;
use crate::runtime::Runtime;

/// Where a runtime reads config.json for an `exec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In the bundle that its state names: runc.
    Bundle,
    /// Beside its state: crun.
    Copy,
}

impl Kind {
    pub(super) fn of(runtime: &Runtime) -> Option<Self> {
        let is = |name| runtime.name().contains(name);
        if is("crun") { Some(Self::Copy) } else { is("runc").then_some(Self::Bundle) }
    }
}

/// Makes the directory for a descriptor of this number, or refreshes it. All execs of a container may use it at once: for
/// each `/proc/self` is another.
pub(super) fn make(container: &Container, kind: Kind, fd: RawFd) -> Result<PathBuf, Error> {
    let made = attempt(container, kind, fd);
    made.map_err(|error| Error::Links { folder: container.folder(), error: error.kind() })
}

fn attempt(container: &Container, kind: Kind, fd: RawFd) -> io::Result<PathBuf> {
    let root = container.folder().join(format!("root-{fd}"));
    let own = root.join(container.id());
    DirBuilder::new().recursive(true).mode(0o700).create(&own)?;
    let state = container.state();
    for entry in fs::read_dir(&state)? {
        let name = entry?.file_name();
        if name != "config.json" && !(kind == Kind::Bundle && name == "state.json") {
            link(&state.join(&name), &own.join(&name))?;
        }
    }
    let target = PathBuf::from(format!("/proc/self/fd/{fd}"));
    match kind {
        Kind::Copy => link(&target, &own.join("config.json"))?,
        Kind::Bundle => {
            let bundle = container.folder().join(format!("bundle-{fd}"));
            DirBuilder::new().recursive(true).mode(0o700).create(&bundle)?;
            link(&target, &bundle.join("config.json"))?;
            let text = fs::read_to_string(state.join("state.json"))?;
            let changed = with_bundle(&text, &bundle).ok_or(ErrorKind::InvalidData)?;
            // Another exec may read or write it at the same time.
            let unfinished = root.join(format!("state-{}.tmp", std::process::id()));
            fs::write(&unfinished, changed)?;
            fs::rename(unfinished, own.join("state.json"))?;
        }
    }
    Ok(root)
}

fn link(target: &Path, path: &Path) -> io::Result<()> {
    match symlink(target, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// runc's state with another bundle, which is one of its labels (libcontainer's `utils.SearchLabels`).
fn with_bundle(state: &str, bundle: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct State<'a> {
        #[serde(borrow)]
        config: Config<'a>,
    }
    #[derive(Deserialize)]
    struct Config<'a> {
        #[serde(borrow)]
        labels: Vec<&'a RawValue>,
    }
    let parsed: State<'_> = serde_json::from_str(state).ok()?;
    let is_bundle = |raw: &&&RawValue| {
        serde_json::from_str::<Text<'_>>(raw.get()).is_ok_and(|label| label.0.starts_with("bundle="))
    };
    let label = parsed.config.labels.iter().find(is_bundle)?.get();
    let start = label.as_ptr() as usize - state.as_ptr() as usize;
    let new = serde_json::Value::from(format!("bundle={}", bundle.to_str()?)).to_string();
    Some([&state[..start], &new, &state[start + label.len()..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bundle_of_a_state_is_changed() {
        let state =
            r#"{"id":"c","config":{"rlimits":18446744073709551615,"labels":["a=b","bundle=\/x","bundle=y"]},"z":1.50}"#;
        let changed = with_bundle(state, Path::new("/new \"one\"")).expect("changed");
        assert_eq!(changed, state.replace(r#""bundle=\/x""#, r#""bundle=/new \"one\"""#));
        assert_eq!(with_bundle(r#"{"config":{"labels":[]}}"#, Path::new("/x")), None);
        assert_eq!(with_bundle("{", Path::new("/x")), None);
    }
}
