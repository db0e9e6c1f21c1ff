//! Clients of other people's making, in the languages that these are for.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process;
use super::programs;

/// Debian's own, for which Debian packages gRPC.
const PYTHON: &str = "/usr/bin/python3";
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Where what they need lies: code or descriptors from our `.proto` files, and the libraries.
pub(crate) struct Foreign {
    folder: PathBuf,
}

impl Foreign {
    /// Prepares for them in a folder of this name below that one.
    pub(crate) fn prepare(below: &Path) -> Self {
        let folder = below.join("foreign");
        fs::create_dir(&folder).expect("a folder");
        let foreign = Self { folder };
        let script = clients().join("generate.py");
        let mut python = foreign.python(&script);
        process::run(python.arg(Path::new(ROOT).join("proto")).arg(&foreign.folder), b"").ok();
        foreign
    }

    /// A `FileDescriptorSet` of the services and all that they name.
    pub(crate) fn descriptors(&self) -> PathBuf {
        self.folder.join("descriptors.binpb")
    }

    /// A script for Python, which finds the generated modules.
    pub(crate) fn python(&self, script: &Path) -> Command {
        assert!(Path::new(PYTHON).is_file(), "{PYTHON} is missing: `apt install python3`, or `make deps`");
        let mut python = Command::new(PYTHON);
        python.env_clear().env("PYTHONPATH", self.folder.join("python")).arg("-B").arg(script);
        python
    }

    /// A script of `tests/clients` for Node.
    pub(crate) fn node(&self, script: &str) -> Command {
        // Node looks for packages above the script: so the scripts go to where these are.
        let modules = self.folder.join("node_modules");
        if !modules.exists() {
            symlink(programs::node_modules(), modules).expect("a link");
            for entry in fs::read_dir(clients()).expect("the clients") {
                let path = entry.expect("an entry").path();
                fs::copy(&path, self.folder.join(path.file_name().expect("a name"))).expect("copied");
            }
        }
        let mut node = Command::new(programs::system("node", "nodejs"));
        node.env_clear().arg(self.folder.join(script));
        node
    }
}

/// Their scripts.
pub(crate) fn clients() -> PathBuf {
    Path::new(ROOT).join("tests/clients")
}
