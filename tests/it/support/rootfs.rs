//! A root file system for containers: busybox and empty folders.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{process, programs};

/// What containers are asked to run. Busybox has three times as many; each is an inode made and removed for every image of
/// every test, and ext4 is slow to find a free one where many were removed a moment ago.
const APPLETS: &str = "[ awk base64 basename cat chmod chown chroot cmp cp cut date dd df diff dirname du echo env expr false \
    find grep gunzip gzip head hostname httpd id ip kill ln ls mkdir mkfifo mknod mktemp mount mv nc nproc od printf ps pwd \
    readlink realpath renice rm rmdir sed seq setsid sh sha256sum sleep sort stat stty sync tail tar tee test timeout touch tr \
    true truncate tty umount uname uniq unshare vi wc wget which who whoami xargs yes";

/// Makes the folder and fills it.
pub(crate) fn build(folder: &Path) {
    let busybox = programs::system("busybox", "busybox-static");
    for name in ["bin", "dev", "etc", "proc", "sys", "tmp"] {
        fs::create_dir_all(folder.join(name)).expect("rootfs");
    }
    programs::copy(&busybox, &folder.join("bin/busybox"));
    for applet in APPLETS.split_whitespace() {
        symlink("busybox", folder.join("bin").join(applet)).expect("rootfs");
    }
    // Something that is there but can't be executed: exit code 126.
    fs::write(folder.join("bin/not-executable"), "").expect("rootfs");
    let tried = process::run(Command::new(programs::system("chroot", "coreutils")).arg(folder).arg("/bin/true"), b"");
    assert!(tried.status.success(), "{} needs shared libraries: `apt install busybox-static`", busybox.display());
}
