//! Docker's `daemon.json` (dockerd(8)), which has no drop-ins.

use std::path::PathBuf;

use serde_json::Value;

use super::fault::Fault;
use super::json::Object;
use super::{Links, Registered};

/// What Docker's users call the runtimes, and which link of the shim that is.
const NAMES: [(&str, &str); 3] =
    [("ampoule", "ampoule-runc"), ("ampoule-runc", "ampoule-runc"), ("ampoule-crun", "ampoule-crun")];

/// The text with our runtimes in it.
pub(super) fn add(text: &str, links: &Links) -> Result<String, Fault> {
    let mut text = if text.trim().is_empty() { "{}\n".to_owned() } else { text.to_owned() };
    let root = Object::whole(&text)?;
    if root.member("runtimes")?.is_none() {
        text = root.with("runtimes", "{}");
    }
    for (name, link) in NAMES {
        let root = Object::whole(&text)?;
        let Some(runtimes) = root.member("runtimes")? else { continue };
        let path = links.path(link);
        if path_of(&runtimes, name).as_deref() != Some(path) {
            text = runtimes.with(name, &format!("{{\"path\": {}}}", Value::from(path)));
        }
    }
    Ok(text)
}

/// The text without them; refused while one is the default, without which Docker would not start.
pub(super) fn remove(text: &str) -> Result<String, Fault> {
    let root = Object::whole(text)?;
    if let Some((at, value)) = root.get("default-runtime")
        && serde_json::from_str::<String>(value).is_ok_and(|value| NAMES.iter().any(|(name, _)| *name == value))
    {
        return Err(Fault::at(text, at, "`default-runtime` is one of these: name another one first".to_owned()));
    }
    let mut text = text.to_owned();
    for (name, _) in NAMES {
        let root = Object::whole(&text)?;
        let Some(runtimes) = root.member("runtimes")? else { break };
        text = runtimes.without(name);
    }
    let root = Object::whole(&text)?;
    let is_left_empty = root.member("runtimes")?.is_some_and(|runtimes| runtimes.is_empty());
    Ok(if is_left_empty { root.without("runtimes") } else { text })
}

/// Those of our runtimes that the text has.
pub(super) fn registered(text: &str) -> Result<Vec<Registered>, Fault> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let Some(runtimes) = Object::whole(text)?.member("runtimes")? else { return Ok(Vec::new()) };
    let found = NAMES.iter().filter_map(|(name, _)| {
        runtimes.get(name)?;
        Some(Registered { name: (*name).to_owned(), path: PathBuf::from(path_of(&runtimes, name).unwrap_or_default()) })
    });
    Ok(found.collect())
}

fn path_of(runtimes: &Object, name: &str) -> Option<String> {
    let (_, value) = runtimes.get(name)?;
    let value: Value = serde_json::from_str(value).ok()?;
    value["path"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        Links::in_folder("/opt/bin")
    }

    #[test]
    fn what_others_wrote_stays_byte_for_byte() {
        for text in [
            "{\n  \"log-driver\": \"journald\",\n\n  \"x-unknown\": {\"big\": 18446744073709551616, \"f\": 1.50}\n}\n",
            "{\"debug\":true}",
            "{\n\t\"runtimes\": {\n\t\t\"kata\": {\n\t\t\t\"path\": \"/usr/bin/kata\"\n\t\t}\n\t},\n\t\"debug\": true\n}",
        ] {
            let added = add(text, &links()).expect("added");
            let value: Value = serde_json::from_str(&added).expect("JSON");
            assert_eq!(value["runtimes"]["ampoule"]["path"], "/opt/bin/ampoule-runc");
            assert_eq!(value["runtimes"]["ampoule-crun"]["path"], "/opt/bin/ampoule-crun");
            assert_eq!(add(&added, &links()).expect("again"), added);
            assert_eq!(registered(&added).expect("registered").len(), 3);
            assert_eq!(remove(&added).expect("removed"), text);
        }
    }

    #[test]
    fn a_new_file_is_indented() {
        let text = add("", &links()).expect("added");
        assert_eq!(
            text,
            "{\n    \"runtimes\": {\n        \"ampoule\": {\"path\": \"/opt/bin/ampoule-runc\"},\n        \
             \"ampoule-runc\": {\"path\": \"/opt/bin/ampoule-runc\"},\n        \
             \"ampoule-crun\": {\"path\": \"/opt/bin/ampoule-crun\"}\n    }\n}\n"
        );
    }

    #[test]
    fn a_runtime_that_moved_is_corrected_and_one_that_did_not_is_left_as_it_is() {
        let text = "{\"runtimes\": {\"ampoule\": {\"path\": \"/opt/bin/ampoule-runc\", \"runtimeArgs\": [\"--debug\"]}, \
                    \"ampoule-crun\": {\"path\": \"/old/ampoule-crun\"}}}";
        let added = add(text, &links()).expect("added");
        assert!(added.contains("\"runtimeArgs\": [\"--debug\"]") && !added.contains("/old/"), "{added}");
    }

    #[test]
    fn the_default_is_not_taken_away() {
        let text = add("{\"default-runtime\": \"ampoule\"}", &links()).expect("added");
        let fault = remove(&text).expect_err("refused").to_string();
        assert!(fault.starts_with("1:21: `default-runtime`"), "{fault}");
    }
}
