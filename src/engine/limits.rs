//! What containers may have by the settings.

use std::path::{Component, Path, PathBuf};

use super::job::{Limits, Mount, NewContainer};

impl Limits {
    /// The first thing that the settings don't allow.
    pub(super) fn check(&self, container: &NewContainer) -> Result<(), String> {
        match self.faults(container).into_iter().next() {
            None => Ok(()),
            Some((path, reason)) => Err(format!("{path}: {reason}")),
        }
    }

    /// Everything that the settings don't allow: where the request has it, below the container, and why not.
    pub(crate) fn faults(&self, container: &NewContainer) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        let texts = container.mounts.iter().flat_map(texts);
        for text in texts.chain(container.state.iter()).chain(container.engine_socket.iter()) {
            // It would be an option of its own.
            if !text.chars().all(|c| !c.is_control() && !",:\"\\".contains(c)) {
                let reason = "is not allowed: it has a comma, a colon, a quotation mark or a backslash";
                faults.push((format!("the mount {text:?}"), reason.to_owned()));
            }
        }
        let mut refuse = |path: &str, what: &str, key: &str| {
            let reason = format!("{what} is not allowed here: see `instances.{key}` in the settings");
            faults.push((path.to_owned(), reason));
        };
        if container.privileged && !self.privileged {
            refuse("privileged", "all power over the host", "allow_privileged");
        }
        if !container.cap_add.is_empty() && !self.privileged {
            let which = format!("more capabilities ({})", container.cap_add.join(", "));
            refuse("experimental.cap_add", &which, "allow_privileged");
        }
        if container.host_network && !self.privileged {
            refuse("network", "HOST", "allow_privileged");
        }
        for (place, device) in container.devices.iter().enumerate() {
            let path = device.split(':').next().unwrap_or_default();
            if !is_below(path, &self.devices) {
                refuse(&format!("experimental.devices[{place}]"), &format!("the device {path}"), "allow_devices");
            }
        }
        for (place, source) in container.mounts.iter().filter_map(host_path).enumerate() {
            if !is_below(source, &self.host_mounts) {
                let path = format!("experimental.host_mount[{place}].host_path");
                refuse(&path, &format!("the host path {source}"), "allow_host_mounts");
            }
        }
        if container.engine_socket.is_some() && self.engine_socket.is_none() {
            refuse("docker_sock_path", "the engine's socket", "engine_socket");
        }
        // The instance names a folder there, and nothing beside or above it.
        let names_one = !container.instance.is_empty() && !container.instance.contains(['/', '.']);
        if container.state.is_some() && !(names_one && self.state_folder.is_some()) {
            refuse("nsc_state_path", "a token", "state_folder");
        }
        faults
    }
}

fn host_path(mount: &Mount) -> Option<&String> {
    match mount {
        Mount::Host { source, .. } => Some(source),
        Mount::Volume { .. } | Mount::Memory { .. } => None,
    }
}

fn texts(mount: &Mount) -> Vec<&String> {
    match mount {
        Mount::Host { source, target, .. } => vec![source, target],
        Mount::Volume { name, target } => vec![name, target],
        Mount::Memory { target } => vec![target],
    }
}

/// Whether a path is one of these or below one, also when its links are followed.
fn is_below(path: &str, allowed: &[PathBuf]) -> bool {
    let path = Path::new(path);
    let plain = path.is_absolute() && path.components().all(|part| part != Component::ParentDir);
    // What can't be followed from here may lead anywhere for the engine.
    let Ok(real) = std::fs::canonicalize(path) else { return false };
    plain
        && allowed.iter().any(|folder| {
            let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.clone());
            real.starts_with(folder)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image's HOME becomes the target of a mount.
    #[test]
    fn a_mount_brings_no_options_along() {
        for text in ["/root,volume-opt=device=/", "/a:exec", "/a\n", "/a\"b", "/a\\b"] {
            let text = text.to_owned();
            for mount in [
                Mount::Volume { name: "home".to_owned(), target: text.clone() },
                Mount::Volume { name: text.clone(), target: "/a".to_owned() },
                Mount::Memory { target: text.clone() },
                Mount::Host { source: text.clone(), target: "/a".to_owned(), readonly: false },
            ] {
                let container = NewContainer { mounts: vec![mount], ..NewContainer::default() };
                let limits = Limits { host_mounts: vec!["/".into()], ..Limits::default() };
                let refused = limits.check(&container).expect_err("refused");
                assert!(refused.contains("the mount"), "{refused}");
            }
        }
    }

    #[test]
    fn a_path_is_below_what_it_leads_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let (inside, link) = (folder.path().join("inside"), folder.path().join("inside/link"));
        std::fs::create_dir(&inside).and_then(|()| std::os::unix::fs::symlink("/etc", &link)).expect("a link");
        let allowed = [inside.clone()];
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        assert!(is_below(&text(&inside), &allowed));
        assert!(!is_below(&text(&link), &allowed));
        assert!(!is_below(&format!("{}/../x", text(&inside)), &allowed));
        assert!(!is_below("relative", &allowed));
    }
}
