//! What a test wants to run, and the OCI bundle for it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What a container is asked to do, in no engine's language.
#[derive(Clone, Default)]
pub(crate) struct Request {
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) annotations: Vec<(String, String)>,
    pub(crate) terminal: bool,
    /// The user and group of the process.
    pub(crate) user: (u32, u32),
    /// Whether it has a user namespace, whose user 0 is [`FIRST_ID`] outside.
    pub(crate) user_namespace: bool,
}

/// What user and group 0 of a user namespace are outside of it.
pub(crate) const FIRST_ID: u32 = 100_000;

/// The two variables that engines and runtimes add if they are missing: given, so that nothing is added.
const USUAL: [(&str, &str); 2] = [("PATH", "/bin"), ("HOME", "/tmp")];

impl Request {
    pub(crate) fn new(args: &[&str]) -> Self {
        let env = USUAL.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { args: args.iter().map(|&arg| arg.to_owned()).collect(), env, ..Self::default() }
    }

    /// A container that prints its environment as the kernel keeps it: NUL between the variables.
    pub(crate) fn printing_environment() -> Self {
        Self::new(&["cat", "/proc/self/environ"])
    }

    /// A container that stays until it is killed, without a word.
    pub(crate) fn sleeping() -> Self {
        Self::new(&["sleep", "1000"])
    }

    #[must_use]
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The OCI configuration.
    pub(crate) fn config(&self, rootfs: &Path, cgroup: &str) -> Value {
        let env: Vec<String> = self.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let annotations: serde_json::Map<String, Value> =
            self.annotations.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
        let mut namespaces = vec!["pid", "ipc", "uts", "mount", "network"];
        let mut mappings = json!([]);
        if self.user_namespace {
            namespaces.push("user");
            mappings = json!([{"containerID": 0, "hostID": FIRST_ID, "size": 65536}]);
        }
        let namespaces: Vec<Value> = namespaces.into_iter().map(|kind| json!({ "type": kind })).collect();
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": self.terminal,
                "user": {"uid": self.user.0, "gid": self.user.1},
                "args": self.args,
                "env": env,
                "cwd": "/",
                "noNewPrivileges": true
            },
            "root": {"path": rootfs, "readonly": true},
            "hostname": "test",
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                 "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
                {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                 "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]}
            ],
            "annotations": annotations,
            "linux": {
                "cgroupsPath": cgroup,
                "namespaces": namespaces,
                "uidMappings": mappings,
                "gidMappings": mappings
            }
        })
    }
}

/// A bundle on disk and the bytes that its `config.json` has to have whenever nothing is being created from it.
pub(crate) struct Bundle {
    pub(crate) path: PathBuf,
    original: Vec<u8>,
}

impl Bundle {
    pub(crate) fn write(path: PathBuf, config: &Value) -> Self {
        fs::create_dir_all(&path).expect("bundle");
        let original = serde_json::to_vec_pretty(config).expect("JSON");
        fs::write(path.join("config.json"), &original).expect("config.json");
        Self { path, original }
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.path.join("config.json")
    }

    /// Whether `config.json` is a plain file with its original bytes, and nothing else lies beside it.
    pub(crate) fn is_pristine(&self) -> bool {
        let names: Vec<_> = fs::read_dir(&self.path).expect("bundle").map(|e| e.expect("entry").file_name()).collect();
        let plain = fs::symlink_metadata(self.config_path()).is_ok_and(|meta| meta.is_file());
        plain && names == ["config.json"] && fs::read(self.config_path()).is_ok_and(|bytes| bytes == self.original)
    }
}
