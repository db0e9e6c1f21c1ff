//! What the audit log is told about the container. Nothing is decided by it.

use std::fs;
use std::path::Path;

use ampoule_proto::messages::ampoule::v1::ContainerDescriptor;
use nix::unistd::{getpid, getppid};

use crate::args::Args;
use crate::runtime::Runtime;
use crate::spec::Spec;

/// Annotations that hold the image's name: of OCI images, of containerd's CRI plugin, of podman and of CRI-O.
const IMAGE_KEYS: [&str; 4] = [
    "io.kubernetes.cri.image-name",
    "io.kubernetes.cri-o.ImageName",
    "io.podman.annotations.image",
    "org.opencontainers.image.ref.name",
];

/// Describes the container of a `create`.
pub fn describe(args: &Args, bundle: &Path, runtime: &Runtime, spec: &Spec<'_>) -> ContainerDescriptor {
    ContainerDescriptor {
        id: args.id.clone().unwrap_or_default(),
        bundle: bundle.display().to_string(),
        engine: engine(bundle, spec, &parent_name()).to_owned(),
        image: image(spec).to_owned(),
        pid: getpid().as_raw(),
        runtime: runtime.path().display().to_string(),
    }
}

fn engine(bundle: &Path, spec: &Spec<'_>, parent: &str) -> &'static str {
    let bundle = bundle.to_string_lossy();
    let mut annotations = spec.annotations();
    let podmans = |(key, value): (&str, &str)| {
        key.starts_with("io.podman.") || (key == "io.container.manager" && value == "libpod")
    };
    if bundle.contains("/io.containerd.runtime") {
        return if bundle.contains("/moby/") { "docker" } else { "containerd" };
    }
    if annotations.any(podmans) {
        return "podman";
    }
    if spec.annotations().any(|(key, _)| key.starts_with("io.kubernetes.cri-o.")) {
        return "cri-o";
    }
    if parent == "conmon" { "podman" } else { "" }
}

/// The image's name, if an annotation tells it.
pub(crate) fn image<'s>(spec: &'s Spec<'_>) -> &'s str {
    let value = |wanted: &&str| spec.annotations().find(|(key, _)| key == wanted).map(|(_, value)| value);
    IMAGE_KEYS.iter().find_map(value).unwrap_or_default()
}

fn parent_name() -> String {
    let name = fs::read_to_string(format!("/proc/{}/comm", getppid())).unwrap_or_default();
    name.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(bundle: &str, annotations: &str, parent: &str) -> &'static str {
        let text = format!(r#"{{"annotations":{{{annotations}}}}}"#);
        let spec = Spec::parse(text.as_bytes()).expect("parses");
        engine(Path::new(bundle), &spec, parent)
    }

    #[test]
    fn engines_by_their_traces() {
        let containerd = "/run/containerd/io.containerd.runtime.v2.task";
        assert_eq!(guess(&format!("{containerd}/moby/0a"), "", "containerd-shim"), "docker");
        assert_eq!(guess(&format!("{containerd}/k8s.io/0a"), "", "containerd-shim"), "containerd");
        assert_eq!(guess("/b", r#""io.podman.annotations.autoremove":"TRUE""#, "sh"), "podman");
        assert_eq!(guess("/b", r#""io.container.manager":"libpod""#, "sh"), "podman");
        assert_eq!(guess("/b", "", "conmon"), "podman");
        assert_eq!(guess("/b", "", "sh"), "");
    }

    #[test]
    fn images_by_their_annotations() {
        let text = br#"{"annotations":{"a":"b","org.opencontainers.image.ref.name":"docker.io/nginx"}}"#;
        assert_eq!(image(&Spec::parse(text).expect("parses")), "docker.io/nginx");
    }
}
