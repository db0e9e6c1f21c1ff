//! A user of the realm's own, who may start containers without being root.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use super::Site;
use crate::support::programs;

/// Not a user of this machine.
pub(crate) const USER: u32 = 12345;
const NAME: &str = "ampoule-test";

/// The user's `XDG_RUNTIME_DIR`, in the realm.
pub(crate) const RUNTIME_DIR: &str = "/run/user/12345";

/// Makes the user known in the realm alone, whose home is the site's folder, which must be theirs already.
pub(super) fn prepare(site: &mut Site) {
    programs::system("newuidmap", "uidmap");
    site.belong_to(USER);
    site.state = Path::new(RUNTIME_DIR).join(site.kind.name());
    let home = site.folder().display();
    let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd");
    let passwd = format!("{passwd}{NAME}:x:{USER}:{USER}::{home}:/bin/sh\n");
    let ids = format!("{NAME}:200000:65536\n");
    for (name, text) in [("passwd", &passwd), ("subuid", &ids), ("subgid", &ids)] {
        let file = site.folder().join(name);
        fs::write(&file, text).expect("file");
        let mut mount = Command::new(programs::system("mount", "mount"));
        site.realm.run(mount.arg("--bind").arg(file).arg(Path::new("/etc").join(name))).ok();
    }
    let runtime_dir = site.realm.outside(RUNTIME_DIR);
    fs::create_dir_all(&runtime_dir).expect("run directory");
    chown(runtime_dir, Some(USER), Some(USER)).expect("owner");
}

/// A program as that user starts it.
pub(crate) fn command_of(user: u32, program: &Path) -> Command {
    let mut command = Command::new(programs::system("setpriv", "util-linux"));
    command.arg(format!("--reuid={user}")).arg(format!("--regid={user}")).args(["--clear-groups", "--"]).arg(program);
    command
}
