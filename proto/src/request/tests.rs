use super::*;

fn annotated(key: &str, value: &str) -> Result<Vec<Request>, RequestError> {
    parse([(key, value)], [])
}

fn refused(key: &str, value: &str) -> String {
    annotated(key, value).expect_err("refused").to_string()
}

fn secret(text: &str) -> Source {
    Source::Secret(text.parse().expect("a reference"))
}

fn pairs(requests: &[Request]) -> Vec<(&str, &Source)> {
    requests.iter().map(|request| (request.name.as_str(), &request.source)).collect()
}

#[test]
fn a_list_in_either_casing() {
    let json =
        r#"[{"name":"A","from_secret_id":"sec_a"},{"name":"B","fromSecretId":"sec_b@7"},{"name":"C","value":"c"}]"#;
    let requests = annotated(ENV_VARS, json).expect("parses");
    let literal = Source::Literal("c".to_owned());
    assert_eq!(pairs(&requests), [("A", &secret("sec_a")), ("B", &secret("sec_b@7")), ("C", &literal)]);
}

#[test]
fn a_secret_overrides_a_value() {
    let requests = annotated(ENV_VARS, r#"[{"value":"x","name":"A","from_secret_id":"sec_a"}]"#).expect("parses");
    assert_eq!(pairs(&requests), [("A", &secret("sec_a"))]);
}

#[test]
fn absent_null_and_empty_are_the_same() {
    for json in
        [r#"[{"name":"A"}]"#, r#"[{"name":"A","value":null,"from_secret_id":""}]"#, r#"[{"name":"A","value":""}]"#]
    {
        let requests = annotated(ENV_VARS, json).expect(json);
        assert_eq!(pairs(&requests), [("A", &Source::Literal(String::new()))], "{json}");
    }
    assert_eq!(annotated(ENV_VARS, "null"), Ok(Vec::new()));
    assert_eq!(annotated(ENV_VARS, " [ ] "), Ok(Vec::new()));
    assert_eq!(annotated(CONTAINER_REQUEST, r#"{"environment":null,"envVars":null}"#), Ok(Vec::new()));
}

#[test]
fn a_container_request_gives_its_environment_and_then_its_variables() {
    let json = r#"{"name":"web","imageRef":"nginx","args":["x"],"environment":{"Z":"1","Y":"ampoule://sec_y"},
        "exportPorts":[{"name":"http"}],"env_vars":[{"name":"A","from_secret_id":"sec_a"}]}"#;
    let requests = parse_container_request(json).expect("parses");
    let literal = Source::Literal("1".to_owned());
    assert_eq!(pairs(&requests), [("Z", &literal), ("Y", &secret("sec_y")), ("A", &secret("sec_a"))]);
}

#[test]
fn an_annotation_for_one_variable() {
    assert_eq!(pairs(&annotated("ampoule.dev/env.A_1", "sec_a").expect("parses")), [("A_1", &secret("sec_a"))]);
    for (key, value) in [
        ("ampoule.dev/env.", "sec_a"),
        ("ampoule.dev/env.1", "sec_a"),
        ("ampoule.dev/env.A", ""),
        ("ampoule.dev/env.A", "ampoule://sec_a"),
    ] {
        assert!(refused(key, value).starts_with(key), "{key} {value}");
    }
}

#[test]
fn references_in_the_environment_may_have_any_name() {
    let env = ["PATH=/bin", "odd-name.1=ampoule://sec_a@3", "NOEQUALS", "X=see ampoule://sec_b", "=hidden"];
    let requests = parse([], env).expect("parses");
    assert_eq!(pairs(&requests), [("odd-name.1", &secret("sec_a@3"))]);
    let nameless = parse([], ["A=1", "=ampoule://sec_a"]).expect_err("refused");
    assert_eq!(nameless.place(), "process.env[1]");
    assert_eq!(*nameless.fault(), Fault::NamelessReference);
}

#[test]
fn malformed_references_in_the_environment_name_the_variable() {
    for value in ["", "sec_", "sec_a@", "sec_a@0", "sec_a@1@2", "SEC_a", "sec_a ", "sec_a?version=1"] {
        let entry = format!("KEY=ampoule://{value}");
        let error = parse([], [entry.as_str()]).expect_err(value).to_string();
        assert!(error.starts_with("process.env[0] (KEY): "), "{error}");
    }
}

#[test]
fn a_variable_is_asked_for_once_across_all_forms() {
    let both = parse([("ampoule.dev/env.A", "sec_a")], ["A=ampoule://sec_a"]).expect_err("refused");
    assert_eq!(both.place(), "ampoule.dev/env.A");
    let text = both.to_string();
    assert!(text.contains("variable A was asked for before, at process.env[0] (A)"), "{text}");
    assert!(refused(ENV_VARS, r#"[{"name":"A"},{"name":"A"}]"#).starts_with("ampoule.dev/env-vars[1]: "));
    assert!(
        refused(CONTAINER_REQUEST, r#"{"environment":{"A":""},"env_vars":[{"name":"A"}]}"#)
            .contains("asked for before")
    );
    // A plain value of the same name is what gets replaced; it asks for nothing.
    assert!(parse([("ampoule.dev/env.A", "sec_a")], ["A=default"]).is_ok());
}

#[test]
fn every_refusal_names_its_key() {
    for (key, json, place) in [
        (ENV_VARS, "", "ampoule.dev/env-vars: not valid JSON at line 1"),
        (ENV_VARS, "[{]", "ampoule.dev/env-vars: not valid JSON at line 1, column 3"),
        (ENV_VARS, "{}", "ampoule.dev/env-vars: expected a list"),
        (ENV_VARS, "[1]", "ampoule.dev/env-vars[0]: expected an object"),
        (ENV_VARS, r#"[{"from_secret_id":"sec_a"}]"#, "ampoule.dev/env-vars[0].name: "),
        (ENV_VARS, r#"[{"name":"A=B"}]"#, "ampoule.dev/env-vars[0].name: "),
        (ENV_VARS, r#"[{"name":"A","value":7}]"#, "ampoule.dev/env-vars[0].value: expected a string"),
        (ENV_VARS, r#"[{"name":"A","value":"\u0000"}]"#, "ampoule.dev/env-vars[0].value: the value has a NUL"),
        (ENV_VARS, r#"[{"name":"A","secret":"sec_a"}]"#, "ampoule.dev/env-vars[0].secret: unknown key"),
        (ENV_VARS, r#"[{"name":"A","from_secretId":"sec_a"}]"#, "ampoule.dev/env-vars[0].from_secretId: unknown key"),
        (ENV_VARS, r#"[{"name":"A","name":"B"}]"#, "ampoule.dev/env-vars[0].name: the key is given twice"),
        (
            ENV_VARS,
            r#"[{"name":"A","fromSecretId":"sec_a","from_secret_id":"sec_a"}]"#,
            "ampoule.dev/env-vars[0].from_secret_id: the key is given twice",
        ),
        (ENV_VARS, r#"[{"name":"A","from_secret_id":"nope"}]"#, "ampoule.dev/env-vars[0].from_secret_id: "),
        (CONTAINER_REQUEST, "[]", "ampoule.dev/container-request: expected an object"),
        (CONTAINER_REQUEST, r#"{"environmnt":{}}"#, "ampoule.dev/container-request.environmnt: unknown key"),
        (CONTAINER_REQUEST, r#"{"environment":{"":"x"}}"#, "ampoule.dev/container-request.environment.: "),
        ("ampoule.dev/env_vars", "[]", "ampoule.dev/env_vars: unknown annotation"),
        ("ampoule.dev/", "", "ampoule.dev/: unknown annotation"),
    ] {
        let error = refused(key, json);
        assert!(error.starts_with(place), "{json}\n  expected {place}\n  got      {error}");
    }
}

#[test]
fn other_annotations_are_not_ours() {
    let others = [("io.kubernetes.cri.image-name", "x"), ("ampoule.device/env.A", "y"), ("org.ampoule.dev/env.A", "z")];
    assert_eq!(parse(others, []), Ok(Vec::new()));
}

#[test]
fn no_error_and_no_debug_shows_a_value() {
    let canary = "hunter2-correct-horse";
    for json in [
        format!(r#"[{{"name":"A","value":"{canary}\u0000"}}]"#),
        format!(r#"[{{"name":"A","value":"{canary}","x":1}}]"#),
        format!(r#"[{{"name":"A","value":"{canary}"}},{{"name":"A","value":"{canary}"}}]"#),
        format!(r#"[{{"name":"A","value":["{canary}"]}}]"#),
        format!(r#"[{{"name":"A","value":"{canary}"]"#),
        format!(r#""{canary}""#),
    ] {
        let error = annotated(ENV_VARS, &json).expect_err(&json);
        assert!(!format!("{error} {error:?}").contains(canary), "{error}");
    }
    let requests = annotated(ENV_VARS, &format!(r#"[{{"name":"A","value":"{canary}"}}]"#)).expect("parses");
    assert!(!format!("{requests:?}").contains(canary));
}

#[test]
fn a_key_that_is_no_name_is_shown_in_one_short_line() {
    for tail in ["PASSWORD=hunter2", "A\n\u{1b}[31m, and then hunter2", "a-name-of-far-too-many-letters-hunter2"] {
        let error = refused(&format!("ampoule.dev/env.{tail}"), "sec_a");
        assert!(!error.contains("hunter2") && !error.contains(char::is_control), "{error}");
    }
}

#[test]
fn at_most_as_many_as_one_call_takes() {
    let list = |count: usize| {
        let items: Vec<_> = (0..count).map(|i| format!(r#"{{"name":"V{i}","from_secret_id":"sec_a"}}"#)).collect();
        format!("[{}]", items.join(","))
    };
    assert_eq!(annotated(ENV_VARS, &list(MOST)).expect("parses").len(), MOST);
    assert_eq!(*annotated(ENV_VARS, &list(MOST + 1)).expect_err("refused").fault(), Fault::TooMany);
}

/// Every cut and every changed byte of a good request either parses or is refused by name; none panics.
#[test]
fn damaged_requests_never_panic() {
    let good = r#"{"environment":{"A":"ampoule://sec_a"},"envVars":[{"name":"B","fromSecretId":"sec_b@2"}]}"#;
    for at in 0..good.len() {
        for byte in [b'"', b'{', b'}', b'[', b',', b'\\', b'0', b'_', b'@', 0x80, 0] {
            let mut bytes = good.as_bytes().to_vec();
            bytes[at] = byte;
            if let Ok(text) = std::str::from_utf8(&bytes)
                && let Err(error) = annotated(CONTAINER_REQUEST, text)
            {
                assert!(error.place().starts_with(CONTAINER_REQUEST), "{error}");
            }
        }
        assert!(annotated(CONTAINER_REQUEST, &good[..at]).is_err(), "{at}");
    }
}

#[test]
fn a_reference_survives_its_own_spelling() {
    for text in ["sec_a", "sec_a@1", "sec_0123456789abcdef@9223372036854775807"] {
        assert_eq!(text.parse::<Reference>().expect(text).to_string(), text);
    }
}
