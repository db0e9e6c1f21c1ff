//! A root file system for containers: busybox and empty folders.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{process, programs};

/// Makes the folder and fills it.
pub(crate) fn build(folder: &Path) {
    let busybox = programs::system("busybox", "busybox-static");
    for name in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        fs::create_dir_all(folder.join(name)).expect("rootfs");
    }
    programs::copy(&busybox, &folder.join("bin/busybox"));
    for applet in process::run(Command::new(&busybox).arg("--list"), b"").ok().out().lines() {
        if applet != "busybox" {
            symlink("busybox", folder.join("bin").join(applet)).expect("rootfs");
        }
    }
    // Something that is there but can't be executed: exit code 126.
    fs::write(folder.join("bin/not-executable"), "").expect("rootfs");
    let tried = process::run(Command::new(programs::system("chroot", "coreutils")).arg(folder).arg("/bin/true"), b"");
    assert!(tried.status.success(), "{} needs shared libraries: `apt install busybox-static`", busybox.display());
}
