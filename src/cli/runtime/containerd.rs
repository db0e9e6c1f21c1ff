//! containerd's `config.toml` (containerd-config.toml(5)): a runtime for Kubernetes, of the layouts 2 and 3.
//!
//! Not a drop-in: containerd 1 lets what an imported file says of a plugin stand in the place of all that config.toml says
//! of it.

use std::path::PathBuf;

use toml_edit::{DocumentMut, Item, TableLike};

use super::fault::Fault;
use super::toml::{self, Kind};
use super::{Links, Registered};

/// The name that a RuntimeClass calls it by (its `handler`).
const NAME: &str = "ampoule";
/// The annotations that are to reach the runtime.
const ANNOTATIONS: &str = "ampoule.dev/*";
const LINK: &str = "ampoule-runc";

/// Where runtimes are in each layout.
const V2: [&str; 4] = ["plugins", "io.containerd.grpc.v1.cri", "containerd", "runtimes"];
const V3: [&str; 4] = ["plugins", "io.containerd.cri.v1.runtime", "containerd", "runtimes"];

/// The text with our runtime in it.
pub(super) fn add(text: &str, links: &Links) -> Result<String, Fault> {
    let base = if is_blank(text) { format!("version = 2\n{text}") } else { text.to_owned() };
    let (mut document, place) = parse(&base)?;
    let mut table: Option<&mut dyn TableLike> = Some(document.as_table_mut());
    for name in place {
        table = table.and_then(|table| toml::child(table, name, true));
    }
    let Some(runtime) = table.and_then(|table| toml::child(table, NAME, false)) else { return Ok(base) };
    if !runtime.contains_key("runtime_type") {
        runtime.insert("runtime_type", toml_edit::value("io.containerd.runc.v2"));
    }
    for key in ["pod_annotations", "container_annotations"] {
        toml::include(runtime, key, &[ANNOTATIONS], &[]);
    }
    let Some(options) = toml::child(runtime, "options", false) else { return Ok(base) };
    if options.get("BinaryName").and_then(Item::as_str) != Some(links.path(LINK)) {
        options.insert("BinaryName", toml_edit::value(links.path(LINK)));
    }
    Ok(toml::written(&document, &base))
}

/// The text without it; refused while it is the default.
pub(super) fn remove(text: &str) -> Result<String, Fault> {
    let (mut document, place) = parse(text)?;
    refuse_default(text, &place)?;
    if let Some(runtimes) = toml::find_mut(document.as_table_mut(), &place) {
        runtimes.remove(NAME);
    }
    Ok(toml::written(&document, text))
}

/// Our runtime, if the text has it.
pub(super) fn registered(text: &str) -> Result<Vec<Registered>, Fault> {
    if is_blank(text) {
        return Ok(Vec::new());
    }
    let (document, place) = parse(text)?;
    let runtime = toml::find(document.as_table(), &place).and_then(|runtimes| runtimes.get(NAME)?.as_table_like());
    let binary = |runtime: &dyn TableLike| {
        let options = runtime.get("options")?.as_table_like()?;
        options.get("BinaryName")?.as_str().map(PathBuf::from)
    };
    let found = runtime.map(|runtime| Registered { name: NAME.to_owned(), path: binary(runtime).unwrap_or_default() });
    Ok(found.into_iter().collect())
}

/// What keeps Kubernetes from the runtime all the same.
pub(super) fn notes(text: &str) -> Vec<&'static str> {
    let Ok(document) = toml::parse(text, &[]) else { return Vec::new() };
    let list = |key: &str| document.get(key).and_then(Item::as_array).map(toml::texts).unwrap_or_default();
    let is_disabled = list("disabled_plugins").iter().any(|name| name == "cri" || V2[1] == name || V3[1] == name);
    let disabled =
        is_disabled.then_some("disabled_plugins names CRI: Kubernetes finds no runtime here until that is gone");
    let imported = (!list("imports").is_empty())
        .then_some("what imported files say of CRI stands, in containerd 1, in the place of what this file says of it");
    disabled.into_iter().chain(imported).collect()
}

fn parse(text: &str) -> Result<(DocumentMut, [&'static str; 4]), Fault> {
    let document = toml::parse(text, &[])?;
    let place = match document.get("version").and_then(Item::as_integer) {
        Some(2) => V2,
        Some(3) => V3,
        _ => {
            let reason = "the layout is not of version 2 or 3: bring it to one of them first";
            return Err(Fault::at(text, 0, reason.to_owned()));
        }
    };
    let in_runtime = |rest: &[&'static str]| [&place[..], &[NAME], rest].concat();
    let (options, pod, container) =
        (in_runtime(&["options"]), in_runtime(&["pod_annotations"]), in_runtime(&["container_annotations"]));
    let places: [(&[&str], Kind); 3] = [(&options, Kind::Table), (&pod, Kind::List), (&container, Kind::List)];
    Ok((toml::parse(text, &places)?, place))
}

/// Kubernetes could start nothing that names no class.
fn refuse_default(text: &str, place: &[&str; 4]) -> Result<(), Fault> {
    let Ok(document) = toml_edit::Document::parse(text) else { return Ok(()) };
    let containerd = place[..3].iter().try_fold(document.as_item(), |item, name| item.get(name));
    match containerd.and_then(|containerd| containerd.get("default_runtime_name")) {
        Some(item) if item.as_str() == Some(NAME) => {
            let place = item.span().map_or(0, |span| span.start);
            let reason = "`default_runtime_name` is this one: name another one first";
            Err(Fault::at(text, place, reason.to_owned()))
        }
        _ => Ok(()),
    }
}

/// Whether it says nothing: then it has no layout either.
fn is_blank(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        Links::in_folder("/opt/bin")
    }

    /// Debian's, and what a hand might have written.
    const WRITTEN: [&str; 3] = [
        "version = 2\n\n[plugins]\n  [plugins.\"io.containerd.grpc.v1.cri\"]\n    \
         [plugins.\"io.containerd.grpc.v1.cri\".cni]\n      bin_dir = \"/usr/lib/cni\"\n  \
         [plugins.\"io.containerd.internal.v1.opt\"]\n    path = \"/var/lib/containerd/opt\"\n",
        "# ours\r\nversion = 3 # three\r\nunknown = 0x1F\r\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata]\r\na = 1\r\n",
        "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n  runtime_type = \"x\" # y\n\n\n# end",
    ];

    #[test]
    fn what_others_wrote_stays() {
        for text in WRITTEN {
            let added = add(text, &links()).expect("added");
            assert_eq!(add(&added, &links()).expect("again"), added);
            assert_eq!(registered(&added).expect("registered")[0].path, PathBuf::from("/opt/bin/ampoule-runc"));
            assert_eq!(remove(&added).expect("removed"), text, "{added}");
        }
    }

    #[test]
    fn a_new_file_has_layout_2() {
        assert_eq!(
            add("", &links()).expect("added"),
            "version = 2\n\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.ampoule]\n\
             runtime_type = \"io.containerd.runc.v2\"\npod_annotations = [\"ampoule.dev/*\"]\n\
             container_annotations = [\"ampoule.dev/*\"]\n\n\
             [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.ampoule.options]\n\
             BinaryName = \"/opt/bin/ampoule-runc\"\n"
        );
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, place) in [
            ("root = \"/x\"\n", "1:1: the layout is not of version 2 or 3: bring it to one of them first"),
            (
                "version = 2\n[plugins]\n\"io.containerd.grpc.v1.cri\" = 1\n",
                "3:31: `io.containerd.grpc.v1.cri` is not a table",
            ),
        ] {
            assert_eq!(add(text, &links()).expect_err("refused").to_string(), place);
        }
        let text =
            "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd]\ndefault_runtime_name = \"ampoule\"\n";
        assert!(remove(text).expect_err("refused").to_string().starts_with("3:24: "));
    }
}
