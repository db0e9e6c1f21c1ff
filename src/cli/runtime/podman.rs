//! podman's settings (containers.conf(5)): a drop-in, which podman reads after the files that stand before it.

use std::path::PathBuf;

use toml_edit::{Item, TableLike};

use super::fault::Fault;
use super::toml::{self, Kind};
use super::{Links, Registered};

/// What podman calls the runtimes: the shim's links go by the same names.
const NAMES: [&str; 2] = ["ampoule-runc", "ampoule-crun"];

/// Those of which podman wants to know that they write their errors as JSON.
const JSON: &str = "runtime_supports_json";
/// Those that can do without control groups. runc can't: podman must go on saying so.
const NO_CGROUP: &str = "runtime_supports_nocgroup";
const WITHOUT_CGROUPS: [&str; 1] = ["ampoule-crun"];

const RUNTIMES: [&str; 2] = ["engine", "runtimes"];
const PLACES: [(&[&str], Kind); 3] =
    [(&RUNTIMES, Kind::Table), (&["engine", JSON], Kind::List), (&["engine", NO_CGROUP], Kind::List)];

/// What a new drop-in begins with, and by which one that has become empty is known to be ours.
const HEAD: &str = "# Made by `ampoule runtime install`. `ampoule runtime uninstall` removes it.\n";

/// What podman's two lists hold without us. A list in a drop-in stands in the place of the whole list before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lists {
    json: Vec<String>,
    no_cgroup: Vec<String>,
}

impl Default for Lists {
    /// podman's own, as of 4.3 to 5.4.
    fn default() -> Self {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self { json: list(&["crun", "runc", "kata", "runsc", "youki", "krun"]), no_cgroup: list(&["crun", "krun"]) }
    }
}

impl Lists {
    /// Takes over what a file says that podman reads before ours. What can't be read says nothing.
    pub(super) fn read(&mut self, text: &str) {
        let Ok(document) = toml::parse(text, &[]) else { return };
        let Some(engine) = toml::find(document.as_table(), &["engine"]) else { return };
        for (key, list) in [(JSON, &mut self.json), (NO_CGROUP, &mut self.no_cgroup)] {
            let Some(set) = engine.get(key).and_then(Item::as_array) else { continue };
            // podman 5: `{append = true}` among the texts.
            if !set.iter().any(toml_edit::Value::is_inline_table) {
                list.clear();
            }
            list.extend(toml::texts(set));
        }
    }
}

/// The text with our runtimes in it.
pub(super) fn add(text: &str, links: &Links, lists: &Lists) -> Result<String, Fault> {
    let base = if text.trim().is_empty() { fresh(lists) } else { text.to_owned() };
    let mut document = toml::parse(&base, &PLACES)?;
    let Some(engine) = toml::child(document.as_table_mut(), "engine", true) else { return Ok(base) };
    toml::include(engine, JSON, &NAMES, &lists.json);
    toml::include(engine, NO_CGROUP, &WITHOUT_CGROUPS, &lists.no_cgroup);
    if let Some(runtimes) = toml::child(engine, "runtimes", false) {
        for name in NAMES {
            let path = links.path(name);
            if paths(runtimes, name).first().map(String::as_str) != Some(path) {
                runtimes.insert(name, toml_edit::value(toml_edit::Array::from_iter([path])));
            }
        }
    }
    Ok(toml::written(&document, &base))
}

/// A drop-in with all but what `add` adds to any.
fn fresh(lists: &Lists) -> String {
    let list = |names: &[String]| names.iter().collect::<toml_edit::Array>().to_string();
    format!(
        "{HEAD}[engine]\n\
         # These stand in the place of podman's own lists, and so repeat what is in them.\n\
         {JSON} = {}\n{NO_CGROUP} = {}\n\n[engine.runtimes]\n",
        list(&lists.json),
        list(&lists.no_cgroup)
    )
}

/// The text without them, or nothing if that is all that it had; refused while one is the default.
pub(super) fn remove(text: &str, lists: &Lists) -> Result<Option<String>, Fault> {
    let mut document = toml::parse(text, &PLACES)?;
    refuse_default(text)?;
    if let Some(runtimes) = toml::find_mut(document.as_table_mut(), &RUNTIMES) {
        for name in NAMES {
            runtimes.remove(name);
        }
    }
    if let Some(engine) = toml::find_mut(document.as_table_mut(), &["engine"]) {
        for (key, others) in [(JSON, &lists.json), (NO_CGROUP, &lists.no_cgroup)] {
            exclude(engine, key, others);
        }
        if engine.get("runtimes").and_then(Item::as_table_like).is_some_and(TableLike::is_empty) {
            engine.remove("runtimes");
        }
    }
    if toml::find(document.as_table(), &["engine"]).is_some_and(TableLike::is_empty) {
        document.remove("engine");
    }
    let is_left_empty = document.is_empty() && text.starts_with(HEAD);
    Ok((!is_left_empty).then(|| toml::written(&document, text)))
}

/// podman would find no runtime any more.
pub(super) fn refuse_default(text: &str) -> Result<(), Fault> {
    let Ok(document) = toml_edit::Document::parse(text) else { return Ok(()) };
    let runtime = document.get("engine").and_then(|engine| engine.get("runtime"));
    match runtime {
        Some(item) if item.as_str().is_some_and(|name| NAMES.contains(&name)) => {
            let place = item.span().map_or(0, |span| span.start);
            Err(Fault::at(text, place, "`runtime` is one of these: name another one first".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Takes our names out of a list, and the list away if it says no more than it would without the file.
fn exclude(engine: &mut dyn TableLike, key: &str, others: &[String]) {
    let Some(list) = engine.get_mut(key).and_then(Item::as_array_mut) else { return };
    list.retain(|item| !item.as_str().is_some_and(|name| NAMES.contains(&name)));
    if toml::texts(list) == others && list.len() == others.len() {
        engine.remove(key);
    }
}

/// Those of our runtimes that the text has.
pub(super) fn registered(text: &str) -> Result<Vec<Registered>, Fault> {
    let document = toml::parse(text, &PLACES)?;
    let Some(runtimes) = toml::find(document.as_table(), &RUNTIMES) else { return Ok(Vec::new()) };
    let found = NAMES.iter().filter(|name| runtimes.contains_key(name)).map(|name| Registered {
        name: (*name).to_owned(),
        path: PathBuf::from(paths(runtimes, name).first().cloned().unwrap_or_default()),
    });
    Ok(found.collect())
}

/// Where podman looks for this runtime.
fn paths(runtimes: &dyn TableLike, name: &str) -> Vec<String> {
    runtimes.get(name).and_then(Item::as_array).map(toml::texts).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        Links::in_folder("/opt/bin")
    }

    fn added(text: &str) -> String {
        add(text, &links(), &Lists::default()).expect("added")
    }

    #[test]
    fn a_new_drop_in_keeps_what_the_lists_held() {
        let text = added("");
        assert_eq!(
            text,
            format!(
                "{HEAD}[engine]\n\
                 # These stand in the place of podman's own lists, and so repeat what is in them.\n\
                 runtime_supports_json = [\"crun\", \"runc\", \"kata\", \"runsc\", \"youki\", \"krun\", \"ampoule-runc\", \"ampoule-crun\"]\n\
                 runtime_supports_nocgroup = [\"crun\", \"krun\", \"ampoule-crun\"]\n\n\
                 [engine.runtimes]\n\
                 ampoule-runc = [\"/opt/bin/ampoule-runc\"]\n\
                 ampoule-crun = [\"/opt/bin/ampoule-crun\"]\n"
            )
        );
        assert_eq!(added(&text), text);
        assert_eq!(registered(&text).expect("registered").len(), 2);
        assert_eq!(remove(&text, &Lists::default()).expect("removed"), None);
    }

    #[test]
    fn the_lists_are_those_of_the_files_before() {
        let mut lists = Lists::default();
        lists.read("[engine]\nruntime_supports_json = [\"mine\"]\n");
        lists.read("[engine]\nruntime_supports_nocgroup = [\"other\", {append = true}]\n");
        let expected = ["crun", "krun", "other"].map(str::to_owned).to_vec();
        assert_eq!(lists, Lists { json: vec!["mine".to_owned()], no_cgroup: expected });
        let text = add("", &links(), &lists).expect("added");
        assert!(text.contains("runtime_supports_json = [\"mine\", \"ampoule-runc\", \"ampoule-crun\"]"), "{text}");
    }

    #[test]
    fn what_others_wrote_stays() {
        let text = "# mine\n[engine] # too\nruntime = \"crun\"\n\n[containers]\npids_limit=1 # one\n";
        let text_with = added(text);
        assert!(text_with.starts_with("# mine\n[engine] # too\nruntime = \"crun\"\n"), "{text_with}");
        assert_eq!(registered(&text_with).expect("registered").len(), 2, "{text_with}");
        assert_eq!(added(&text_with), text_with);
        assert_eq!(remove(&text_with, &Lists::default()).expect("removed").as_deref(), Some(text));
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        for (text, place) in [
            ("[engine]\nruntimes = 1\n", "2:12: `runtimes` is not a table"),
            ("[engine]\n  runtime_supports_json = \"secret\"\n", "2:27: `runtime_supports_json` is not a list"),
        ] {
            assert_eq!(add(text, &links(), &Lists::default()).expect_err("refused").to_string(), place);
        }
        let fault = add("[engine]\na = secret\n", &links(), &Lists::default()).expect_err("refused").to_string();
        assert!(fault.starts_with("2:5: ") && !fault.contains("secret"), "{fault}");
        let fault = remove("[engine]\nruntime = \"ampoule-crun\"\n", &Lists::default()).expect_err("refused");
        assert!(fault.to_string().starts_with("2:11: `runtime`"), "{fault}");
    }
}
