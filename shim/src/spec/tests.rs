use super::*;

use std::path::Path;

use ampoule_proto::request::VariableName;
use ampoule_proto::secret::SecretBytes;

fn value(name: &str, value: &str) -> (VariableName, SecretBytes) {
    let entry = format!("{name}=ampoule://sec_a");
    let mut requests = request::parse([], [entry.as_str()]).expect("a request");
    (requests.remove(0).name, SecretBytes::from(value.to_owned()))
}

fn filled(text: &str, values: &[(VariableName, SecretBytes)]) -> Result<String, SpecError> {
    let spec = Spec::parse(text.as_bytes())?;
    let mut edits = Edits::new(&spec)?;
    edits.set_env(values);
    Ok(String::from_utf8(edits.apply().to_vec()).expect("UTF-8"))
}

#[test]
fn only_the_environment_changes() {
    let text = r#"{ "ociVersion":"1.0.2", "x-new": {"b":18446744073709551615, "a":1.0e5},
  "process": {"args" : ["a"],"env":["PATH=/bin" , "A=old","\u0042=keep"], "oomScoreAdj":-1 }, "process2":{}}
"#;
    let expected = r#"{ "ociVersion":"1.0.2", "x-new": {"b":18446744073709551615, "a":1.0e5},
  "process": {"args" : ["a"],"env":["PATH=/bin","A=1","\u0042=keep","C=2"], "oomScoreAdj":-1 }, "process2":{}}"#;
    assert_eq!(filled(text, &[value("C", "2"), value("A", "1")]).expect("fills"), expected);
}

#[test]
fn a_missing_environment_is_made() {
    for (text, expected) in [
        (r#"{"process":{}}"#, r#"{"process":{"env":["A=1"]}}"#),
        (r#"{"process":{"cwd":"/"}}"#, r#"{"process":{"env":["A=1"],"cwd":"/"}}"#),
        (r#"{"process":{"env":null}}"#, r#"{"process":{"env":["A=1"]}}"#),
        (r#"{"process":{"env":[]}}"#, r#"{"process":{"env":["A=1"]}}"#),
    ] {
        assert_eq!(filled(text, &[value("A", "1")]).expect(text), expected);
    }
    assert_eq!(filled("{}", &[value("A", "1")]), Err(SpecError::NoProcess));
}

#[test]
fn any_value_arrives() {
    let odd: String = (1..=0x7f_u8).map(char::from).chain("äöü€\u{1F511}\u{2028}".chars()).collect();
    let text = filled(r#"{"process":{"env":["odd=x"]}}"#, &[value("odd", &odd)]).expect("fills");
    let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(parsed["process"]["env"][0].as_str(), Some(format!("odd={odd}").as_str()));
}

#[test]
fn one_entry_of_a_name_stays() {
    let text = r#"{"process":{"env":["A=1","B=2","A=3","A"]}}"#;
    assert_eq!(filled(text, &[value("A", "x")]).expect("fills"), r#"{"process":{"env":["A=x","B=2"]}}"#);
}

#[test]
fn what_runtimes_read_differently_is_refused() {
    for text in [
        r#"{"process":{},"process":{}}"#,
        r#"{"Process":{}}"#,
        r#"{"process":{"env":[],"ENV":[]}}"#,
        r#"{"process":{},"proce\u017fſ":{}}"#,
        r#"{"process":{},"process\u0000x":{}}"#,
        r#"{"env":{},"annotation\u017F":{}}"#,
        r#"{"annotations":{"ampoule.dev/env.A":"sec_a","ampoule.dev/env.A":"sec_b"}}"#,
    ] {
        assert!(matches!(Spec::parse(text.as_bytes()), Err(SpecError::Ambiguous { .. })), "{text}");
    }
}

#[test]
fn malformed_specifications_are_refused_with_their_place() {
    for (text, part) in [
        ("", "line 1"),
        ("{\n\"process\": }", "line 2"),
        ("[]", "config.json is not an object"),
        (r#"{"process":1}"#, "process is not an object"),
        (r#"{"process":{"env":{}}}"#, "process.env is not a list"),
        (r#"{"process":{"env":[1]}}"#, "process.env is not a list of strings"),
        (r#"{"annotations":{"a":1}}"#, "annotations is not an object of strings"),
    ] {
        let Err(error) = Spec::parse(text.as_bytes()) else { panic!("{text} parses") };
        assert!(error.to_string().contains(part), "{text}: {error}");
    }
}

#[test]
fn hooks_keep_the_unfilled_environment() {
    let text = r#"{"process":{"env":["A=ampoule://sec_a"]},"hooks":{"createContainer":[{"path":"/h"},{"path":"/i","env":["X=1"]}],"poststart":[{"path":"/p"}]}}"#;
    let spec = Spec::parse(text.as_bytes()).expect("parses");
    let mut edits = Edits::new(&spec).expect("a process");
    edits.set_env(&[value("A", "v")]);
    edits.keep_from_hooks().expect("edits");
    let expected = r#"{"process":{"env":["A=v"]},"hooks":{"createContainer":[{"env":["A=ampoule://sec_a"],"path":"/h"},{"path":"/i","env":["X=1"]}],"poststart":[{"path":"/p"}]}}"#;
    assert_eq!(std::str::from_utf8(&edits.apply()), Ok(expected));
}

#[test]
fn paths_of_another_bundle_become_absolute() {
    let text = r#"{"process":{},"root":{"path":"rootfs"},"mounts":[{"source":"proc","type":"proc"},{"source":"data","options":["rbind"]},{"source":"/x","type":"bind"}]}"#;
    let spec = Spec::parse(text.as_bytes()).expect("parses");
    let mut edits = Edits::new(&spec).expect("a process");
    edits.anchor(std::path::Path::new("/b")).expect("edits");
    let expected = r#"{"process":{},"root":{"path":"/b/rootfs"},"mounts":[{"source":"proc","type":"proc"},{"source":"/b/data","options":["rbind"]},{"source":"/x","type":"bind"}]}"#;
    assert_eq!(std::str::from_utf8(&edits.apply()), Ok(expected));
}

#[test]
fn escaped_spellings_count_as_mentions() {
    for text in [
        r#"{"a":"ampoule:\/\/sec_a"}"#,
        r#"{"\u0061mpoule.dev/env.A":1}"#,
        r#"{"a\u006dpoule.dev":1}"#,
        r#"{"\u0061\u006D\u0070\u006f\u0075\u006c\u0065":1}"#,
    ] {
        assert!(mentions_us(text.as_bytes()), "{text}");
    }
    assert!(!mentions_us(br#"{"process":{"env":["A=\u003c\\"]}}"#));
}

#[test]
fn damaged_specifications_never_panic() {
    let good = r#"{"process":{"env":["A=ampoule://sec_a"]},"annotations":{"ampoule.dev/env-vars":"[]"},"hooks":{"createContainer":[{}]}}"#;
    for at in 0..good.len() {
        for byte in [b'"', b'{', b'}', b'[', b',', b'\\', b'0', 0x80, 0] {
            let mut bytes = good.as_bytes().to_vec();
            bytes[at] = byte;
            if let Ok(spec) = Spec::parse(&bytes)
                && let Ok(mut edits) = Edits::new(&spec)
            {
                edits.set_env(&[value("A", "v")]);
                let _ = edits.keep_from_hooks();
                edits.apply();
            }
        }
    }
}

fn bound(text: &str) -> Result<String, SpecError> {
    let spec = Spec::parse(text.as_bytes())?;
    let mut edits = Edits::new(&spec)?;
    edits.bind([(Path::new("/run/x \"y\"/0"), "/run/secrets/A")].into_iter())?;
    Ok(String::from_utf8(edits.apply().to_vec()).expect("UTF-8"))
}

#[test]
fn files_are_bound_after_other_mounts() {
    let options = ["bind", "ro", "nosuid", "nodev", "noexec", "private"];
    let file = serde_json::json!(
        {"destination": "/run/secrets/A", "type": "bind", "source": "/run/x \"y\"/0", "options": options}
    );
    for (text, head) in [
        (
            r#"{"process":{},"mounts":[ {"destination" : "/proc"} ]}"#,
            r#"{"process":{},"mounts":[ {"destination" : "/proc"} ,{"#,
        ),
        (r#"{"process":{},"mounts":[]}"#, r#"{"process":{},"mounts":[{"#),
        (r#"{"process":{},"mounts":null}"#, r#"{"process":{},"mounts":[{"#),
        (r#"{"process":{}}"#, r#"{"mounts":[{"#),
    ] {
        let bound = bound(text).expect(text);
        assert!(bound.starts_with(head), "{bound}");
        let parsed: serde_json::Value = serde_json::from_str(&bound).expect("JSON");
        assert_eq!(parsed["mounts"].as_array().and_then(|mounts| mounts.last()), Some(&file));
    }
    for text in [r#"{"process":{},"mounts":{}}"#, r#"{"process":{},"mounts":[],"Mounts":[]}"#] {
        assert!(bound(text).is_err(), "{text}");
    }
}

#[test]
fn of_a_process_the_last_of_each_name_counts() {
    let text = br#"{"env":["A=ampoule://sec_a","B=b","A=1","odd","B=ampoule://sec_b","odd"],"args":["x"]}"#;
    let spec = Spec::parse_process(text).expect("parses");
    assert_eq!(spec.env().collect::<Vec<_>>(), ["A=1", "B=ampoule://sec_b", "odd", "odd"]);
    let requests = spec.requests().expect("requests");
    assert_eq!(requests.iter().map(|request| request.name.as_str()).collect::<Vec<_>>(), ["B"]);
    assert_eq!(spec.variable("A"), Some("1"));
}
