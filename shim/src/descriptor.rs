//! What the audit log is told about the container. Nothing is decided by it.

use std::fs;
use std::path::Path;

use ampoule_proto::LONGEST_DESCRIPTION;
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
        name: name(spec, &parent_arguments()),
        host: host(),
    }
}

/// What the engine's user calls the container: as containerd's CRI plugin says, or podman to conmon (`-n`, conmon(8)).
fn name(spec: &Spec<'_>, parent: &[String]) -> String {
    let is_name = |(key, value): &(&str, &str)| *key == "io.kubernetes.cri.container-name" && is_loggable(value);
    let annotated = spec.annotations().find(is_name);
    let of_conmon = || parent.iter().skip_while(|argument| !["-n", "--name"].contains(&argument.as_str())).nth(1);
    let is_conmons = parent.first().is_some_and(|program| Path::new(program).ends_with("conmon"));
    match annotated {
        Some((_, name)) => name.to_owned(),
        None => of_conmon().filter(|_| is_conmons).cloned().unwrap_or_default(),
    }
}

/// The name of this host.
pub(crate) fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim_end().to_owned()
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
    IMAGE_KEYS.iter().find_map(value).filter(|image| is_loggable(image)).unwrap_or_default()
}

/// Whether the daemon takes it: it refuses, with all else, what is too long for its log.
fn is_loggable(text: &str) -> bool {
    text.len() <= LONGEST_DESCRIPTION && !text.contains(char::is_control)
}

fn parent_arguments() -> Vec<String> {
    let line = fs::read(format!("/proc/{}/cmdline", getppid())).unwrap_or_default();
    line.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
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
    fn names_by_whoever_tells_them() {
        let named = |text: &str, parent: &[&str]| {
            let parent: Vec<String> = parent.iter().map(|&argument| argument.to_owned()).collect();
            name(&Spec::parse(text.as_bytes()).expect("parses"), &parent)
        };
        assert_eq!(
            named("{}", &["/usr/bin/conmon", "--api-version", "1", "-c", "0a", "-n", "web", "--runtime-arg", "-n"]),
            "web"
        );
        assert_eq!(named("{}", &["/usr/bin/sh", "-n", "web"]), "");
        assert_eq!(named("{}", &["/usr/bin/conmon", "-n"]), "");
        assert_eq!(named(r#"{"annotations":{"io.kubernetes.cri.container-name":"app"}}"#, &[]), "app");
    }

    #[test]
    fn images_by_their_annotations() {
        let text = br#"{"annotations":{"a":"b","org.opencontainers.image.ref.name":"docker.io/nginx"}}"#;
        assert_eq!(image(&Spec::parse(text).expect("parses")), "docker.io/nginx");
        for odd in ["x".repeat(513), "a\\nb".to_owned()] {
            let text = format!(r#"{{"annotations":{{"org.opencontainers.image.ref.name":"{odd}"}}}}"#);
            assert_eq!(image(&Spec::parse(text.as_bytes()).expect("parses")), "", "it would be refused");
        }
    }
}
