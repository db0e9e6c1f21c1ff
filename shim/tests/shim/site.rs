//! A temporary directory with a bundle, settings and a runtime that tells what it was given.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Opens config.json itself, as a runtime does, and then reads it again as a later reader.
const RUNTIME: &str = r#"#!/bin/sh
[ "$1" = create ] || { printf 'called: %s\n' "$*"; exit 42; }
[ -r "$3/config.json" ] || { echo 'runtime: no config'; exit 1; }
IFS= read -r first < "$3/config.json"
printf 'first: %s\nsecond: %s\n' "$first" "$(cat "$3/config.json")"
"#;

pub(crate) struct Site {
    directory: TempDir,
}

impl Site {
    /// A site whose bundle has this config.json.
    pub(crate) fn new(config: &str) -> Self {
        let site = Self { directory: tempfile::tempdir().expect("a directory") };
        fs::create_dir(site.bundle()).expect("makes the bundle");
        fs::write(site.config(), config).expect("writes config.json");
        let runtime = site.path("runtime");
        fs::write(&runtime, RUNTIME).expect("writes the runtime");
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o755)).expect("makes it executable");
        site.deadline("300ms");
        site
    }

    /// Settings with this deadline.
    pub(crate) fn deadline(&self, deadline: &str) {
        let (runtime, socket) = (self.path("runtime"), self.socket());
        let (runtime, socket) = (runtime.display(), socket.display());
        self.settings(&format!("runtime: {runtime}\nsocket: {socket}\ndeadline: {deadline}\n"));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.path("bundle")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("bundle/config.json")
    }

    pub(crate) fn sibling(&self) -> PathBuf {
        self.path("bundle/.config.json.ampoule")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("daemon.sock")
    }

    pub(crate) fn settings(&self, yaml: &str) {
        fs::write(self.path("shim.yaml"), yaml).expect("writes the settings");
    }

    /// The shim with an environment of nothing but the settings' path.
    pub(crate) fn shim(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ampoule-shim"));
        command.env_clear().env("AMPOULE_SHIM_CONFIG", self.path("shim.yaml")).stdin(Stdio::null());
        command
    }

    /// `create` of the bundle, to its end.
    pub(crate) fn create(&self) -> Output {
        self.shim().args(["create", "--bundle"]).arg(self.bundle()).arg("c1").output().expect("runs")
    }

    /// Asserts that the bundle has nothing but this config.json.
    pub(crate) fn assert_pristine(&self, config: &str) {
        assert_eq!(fs::read_to_string(self.config()).expect("reads"), config);
        assert!(fs::symlink_metadata(self.config()).expect("a file").is_file());
        assert_eq!(fs::read_dir(self.bundle()).expect("lists").count(), 1);
    }
}

/// A line of what the runtime told.
pub(crate) fn told<'a>(output: &'a str, what: &str) -> &'a str {
    let line = output.lines().find_map(|line| line.strip_prefix(what));
    line.unwrap_or_else(|| panic!("no {what:?} in {output:?}"))
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}
