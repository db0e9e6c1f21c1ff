//! The requests of `fixtures/requests/`, and what can't stand in a file of its own.

use std::fs;

use ampoule_proto::request::parse_container_request;
use serde_json::{Value, json};

use super::*;
use crate::domain::submitted::tests as golden;

fn refusal(value: &Value) -> String {
    read(value).err().map(|mistakes| mistakes.to_string()).unwrap_or_default()
}

#[test]
fn malformed_requests_are_refused_with_every_mistake() {
    let differences = golden::files("requests/malformed").into_iter().filter_map(|file| {
        let text = fs::read_to_string(&file).expect("text");
        let mistakes = read_text(&text).err().unwrap_or_else(|| panic!("{} is accepted", file.display()));
        let said = mistakes.in_file(&golden::name(&file));
        assert!(!said.contains("hunter2"), "{}: {said}", file.display());
        golden::difference(&file, &said)
    });
    let differences: Vec<_> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What the daemon says of a message is what the command line says of the file.
#[test]
fn a_value_is_read_as_its_text_is() {
    for file in golden::files("requests/malformed") {
        let text = fs::read_to_string(&file).expect("text");
        // A value can't have a key twice.
        let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
        if golden::name(&file).starts_with("duplicate") {
            continue;
        }
        let lines = |mistakes: Mistakes| {
            let mut lines: Vec<_> =
                mistakes.iter().map(|remark| format!("{}: {}", remark.path(), remark.reason())).collect();
            lines.sort();
            lines
        };
        let (of_text, of_value) = (read_text(&text).err(), read(&value).err());
        assert_eq!(of_text.map(lines), of_value.map(lines), "{}", file.display());
    }
}

#[test]
fn good_requests_are_read_and_understood_by_the_shim() {
    for file in golden::files("requests/good") {
        let text = fs::read_to_string(&file).expect("text");
        let (request, warnings) = read_text(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(warnings.is_empty() || golden::name(&file).starts_with("warned"), "{}: {warnings:?}", file.display());
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read(&value).map(|(request, _)| request), Ok(request.clone()), "{}", file.display());
        let containers = value
            .get("containers")
            .map_or_else(|| vec![&value], |list| list.as_array().expect("a list").iter().collect());
        assert_eq!(containers.len(), request.containers.len());
        if warnings.is_empty() {
            for (json, container) in containers.iter().zip(&request.containers) {
                let shim = parse_container_request(&json.to_string()).expect("the shim's grammar");
                let ours: Vec<_> = container.env.iter().map(|v| (v.name.as_str(), &v.source)).collect();
                let theirs: Vec<_> = shim.iter().map(|asked| (asked.name.as_str(), &asked.source)).collect();
                assert_eq!(ours, theirs, "{}", file.display());
            }
        }
    }
}

#[test]
fn warnings_say_what_was_not_taken() {
    let said: Vec<_> = golden::files("requests/good")
        .into_iter()
        .filter(|file| golden::name(file).starts_with("warned"))
        .filter_map(|file| {
            let (_, warnings) = read_text(&fs::read_to_string(&file).expect("text")).expect("a good request");
            let lines: Vec<_> = warnings.iter().map(|warning| warning.in_file(&golden::name(&file))).collect();
            golden::difference(&file, &lines.join("\n"))
        })
        .collect();
    assert!(said.is_empty(), "{}", said.join("\n"));
}

#[test]
fn the_seed_example() {
    let request = json!({
        "name": "web", "image_ref": "docker.io/library/nginx:1.27",
        "env_vars": [{"name": "DATABASE_URL", "from_secret_id": "sec_abc"}],
    });
    let (request, warnings) = read(&request).expect("a good request");
    assert!(warnings.is_empty());
    let [container] = &request.containers[..] else { panic!("one container") };
    assert_eq!((container.name.as_str(), container.image.as_str()), ("web", "docker.io/library/nginx:1.27"));
    let [variable] = &container.env[..] else { panic!("one variable") };
    assert_eq!(variable.name.as_str(), "DATABASE_URL");
    assert_eq!(variable.source, Source::Secret("sec_abc".parse().expect("an id")));
    assert_eq!(variable.place, "env_vars[0]");
}

/// As buffa writes a message: lower camel case, 64-bit integers as strings, what is absent left out or null.
#[test]
fn what_the_daemon_makes_of_a_message() {
    let request = json!({
        "shape": {"virtualCpu": 2, "memoryMegabytes": 512, "machineArch": "amd64", "os": "linux"},
        "documentedPurpose": "a test", "deadline": "2030-01-31T12:00:00Z", "region": "",
        "labels": [{"name": "env", "value": "test"}],
        "containers": [{
            "imageRef": "busybox", "network": 1, "workloadType": "SERVICE", "experimental": null,
            "exportPorts": [{"proto": "HTTP", "containerPort": 80}],
            "volumes": [{"mountPoint": "/data", "tag": "data", "sizeMb": "0", "persistencyKind": 2}],
        }],
    });
    let (request, warnings) = read(&request).expect("a good request");
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!((request.shape.virtual_cpu, request.shape.memory_megabytes), (Some(2), Some(512)));
    let container = &request.containers[0];
    assert_eq!(container.name.as_str(), "main");
    assert_eq!((container.network, container.workload), (Network::Bridge, Workload::Service));
    assert_eq!((container.export_ports[0].protocol, container.export_ports[0].container_port), (Protocol::Http, 80));
    assert_eq!(container.volumes[0].persistency, Persistency::Cache);
    assert!(request.check_host(MachineArch::Amd64).is_ok());
    let refused = request.check_host(MachineArch::Arm64).expect_err("another architecture").to_string();
    assert!(refused.starts_with("shape.machine_arch: this host is arm64"), "{refused}");
}

#[test]
fn what_is_too_much() {
    let container = |number: usize| json!({"name": format!("c{number}"), "image_ref": "busybox"});
    let many: Vec<_> = (0..65).map(container).collect();
    assert_eq!(refusal(&json!({"containers": many})), "containers: 65 containers: an Instance may have at most 64");
    let variable = |number: usize| json!({"name": format!("V{number}")});
    let many: Vec<_> = (0..1025).map(variable).collect();
    assert_eq!(
        refusal(&json!({"image_ref": "busybox", "env_vars": many})),
        "env_vars: 1025 variables: a container may have at most 1024"
    );
    let long = json!({"image_ref": "busybox", "env_vars": [{"name": "A", "value": "x".repeat(131_070)}]});
    assert_eq!(
        refusal(&long),
        "env_vars[0].value: the value has 131070 bytes: with its name, Linux takes at most 131071; put it in a file"
    );
    assert!(refusal(&json!({"args": ["x".repeat(1 << 20)]})).starts_with("it has 1048580 bytes of text"));
    let wrong: Vec<_> = (0..100).map(|_| json!(1)).collect();
    let said = refusal(&json!({"image_ref": "busybox", "args": wrong}));
    assert_eq!(said.lines().count(), Mistakes::MOST + 1);
    assert!(said.ends_with("\nand 36 more"), "{said}");
}

#[test]
fn commands_that_are_run_later() {
    let command = json!({
        "command": ["env", ""], "cwd": "/", "envVars": [{"name": "TOKEN", "fromSecretId": "sec_abc"}],
    });
    let (command, _) = read_command(&command).expect("a good command");
    assert_eq!((command.words, command.directory), (vec!["env".to_owned(), String::new()], Some("/".to_owned())));
    assert_eq!(command.env[0].source, Source::Secret("sec_abc".parse().expect("an id")));
    let refused = |value: &Value| read_command(value).expect_err("a bad command").to_string();
    assert!(refused(&json!({})).starts_with("command: there is nothing to run"));
    assert!(refused(&json!({"command": ["", "-x"]})).starts_with("command: the program's name is empty"));
    let both =
        refused(&json!({"command": ["a\0"], "cwd": "srv", "env_vars": [{"name": "A", "from_secret_id": "hunter2"}]}));
    assert_eq!(both.lines().count(), 3, "{both}");
    assert!(!both.contains("hunter2"), "{both}");
}

/// Wherever a text breaks off or is mistyped, nothing panics and no value is repeated.
#[test]
fn broken_requests_are_refused_without_their_values() {
    for file in [golden::files("requests/malformed"), golden::files("requests/good")].concat() {
        for text in golden::broken(&fs::read_to_string(&file).expect("text")) {
            let said = read_text(&text).map_or_else(|mistakes| mistakes.to_string(), |_| String::new());
            assert!(!said.contains("hunter2"), "{}: {said}\n{text}", file.display());
        }
    }
}

#[test]
fn containers_that_are_added_later() {
    let (containers, _) =
        read_containers(&json!({"instanceId": "i", "containers": [{"imageRef": "busybox"}]})).expect("good");
    assert_eq!(containers.len(), 1);
    let refused = read_containers(&json!({"instance_id": "i"})).expect_err("none").to_string();
    assert_eq!(refused, "containers: an Instance has at least one container: add it");
}
