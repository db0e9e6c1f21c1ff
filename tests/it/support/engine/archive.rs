//! The root file system as engines take it in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{IMAGE, Site};
use crate::support::{process, programs};

/// A tar archive of the root file system, for the caller to remove.
pub(crate) fn of_root_file_system(site: &Site) -> PathBuf {
    let archive = site.folder().join("image.tar");
    pack(&site.rootfs, &archive);
    archive
}

/// An image with that as its one layer, in the format of `docker save`, for the caller to remove.
pub(crate) fn of_image(site: &Site) -> PathBuf {
    let parts = site.folder().join("image");
    fs::create_dir(&parts).expect("folder");
    let layer = parts.join("layer.tar");
    pack(&site.rootfs, &layer);
    let sum = process::run(Command::new(programs::system("sha256sum", "coreutils")).arg(&layer), b"").ok().out();
    let sum = sum.split_whitespace().next().expect("a sum");
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{sum}")]},
    });
    let name = format!("{IMAGE}:latest");
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    fs::write(parts.join("config.json"), config.to_string()).expect("config.json");
    fs::write(parts.join("manifest.json"), manifest.to_string()).expect("manifest.json");
    let archive = site.folder().join("image.tar");
    pack(&parts, &archive);
    fs::remove_dir_all(parts).expect("parts");
    archive
}

fn pack(folder: &Path, archive: &Path) {
    let mut tar = Command::new(programs::system("tar", "tar"));
    process::run(tar.arg("-C").arg(folder).arg("-cf").arg(archive).arg("."), b"").ok();
}
