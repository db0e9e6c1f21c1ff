use std::fs;
use std::path::Path;

use super::*;
use crate::authz::Permission;

fn load(text: &str, variables: &Environment, flags: &Flags) -> Result<Settings, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ampoule.yaml");
    fs::write(&file, text).expect("written");
    let mut flags = flags.clone();
    flags.client.config = Some(file);
    Settings::load(variables, &flags).map_err(|error| error.to_string())
}

fn plain(text: &str) -> Result<Settings, String> {
    load(text, &Environment::new([], 0), &Flags::default())
}

#[test]
fn defaults_of_root() {
    let settings = plain("# nothing\n").expect("loads");
    assert_eq!(settings.state_dir, Path::new("/var/lib/ampoule"));
    assert_eq!(settings.socket, Path::new("/run/ampoule/ampoule.sock"));
    assert_eq!(settings.root_key, RootKeySettings::Keyfile { path: None });
    assert_eq!((settings.log.format, settings.log.level.as_str()), (LogFormat::Human, "info"));
    assert_eq!(settings.versions_kept.get(), 10);
}

#[test]
fn defaults_of_a_user() {
    let home = Environment::new([("HOME", "/home/u"), ("XDG_STATE_HOME", ""), ("XDG_RUNTIME_DIR", "relative")], 1000);
    let settings = load("{}", &home, &Flags::default()).expect("loads");
    assert_eq!(settings.state_dir, Path::new("/home/u/.local/state/ampoule"));
    assert_eq!(settings.socket, Path::new("/run/user/1000/ampoule/ampoule.sock"));
    let set = Environment::new([("XDG_STATE_HOME", "/s"), ("XDG_RUNTIME_DIR", "/r")], 1000);
    let settings = load("{}", &set, &Flags::default()).expect("loads");
    assert_eq!((settings.state_dir, settings.socket), ("/s/ampoule".into(), "/r/ampoule/ampoule.sock".into()));
    let error = load("{}", &Environment::new([], 1000), &Flags::default()).expect_err("no home");
    assert!(error.contains("state_dir"), "{error}");
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "state_dir: /file\nsocket: /file.sock\nlog:\n  format: json\n  level: warn\nversions_kept: 3\n";
    let settings = plain(file).expect("loads");
    assert_eq!((settings.log.format, settings.versions_kept.get()), (LogFormat::Json, 3));
    let variables = [("AMPOULE_STATE_DIR", "/var"), ("AMPOULE_SOCKET", "/var.sock"), ("AMPOULE_LOG_LEVEL", "debug")];
    let environment = Environment::new(variables, 0);
    let mut flags = Flags { versions_kept: NonZeroU32::new(5), ..Flags::default() };
    flags.client.socket = Some("/flag.sock".into());
    let settings = load(file, &environment, &flags).expect("loads");
    assert_eq!((settings.state_dir, settings.socket), ("/var".into(), "/flag.sock".into()));
    assert_eq!((settings.log.level.as_str(), settings.versions_kept.get()), ("debug", 5));
}

#[test]
fn a_root_key_is_named_by_its_file_or_its_provider() {
    let keyfile = |path: Option<&str>| RootKeySettings::Keyfile { path: path.map(PathBuf::from) };
    let passphrase = |path: Option<&str>| RootKeySettings::Passphrase { file: path.map(PathBuf::from) };
    let root_key = |text: &str| plain(text).map(|settings| settings.root_key);
    assert_eq!(root_key("root_key: {keyfile: /k}"), Ok(keyfile(Some("/k"))));
    assert_eq!(root_key("root_key: {passphrase_file: /p}"), Ok(passphrase(Some("/p"))));
    assert_eq!(root_key("root_key: {provider: passphrase}"), Ok(passphrase(None)));
    assert!(root_key("root_key: {keyfile: /k, passphrase_file: /p}").is_err());
    let flags = Flags { passphrase_file: Some("/f".into()), ..Flags::default() };
    let environment = Environment::new([("AMPOULE_KEYFILE", "/e")], 0);
    let settings = load("root_key: {passphrase_file: /p}", &environment, &flags).expect("loads");
    assert_eq!(settings.root_key, passphrase(Some("/f")));
    let settings = load("root_key: {passphrase_file: /p}", &environment, &Flags::default()).expect("loads");
    assert_eq!(settings.root_key, keyfile(Some("/e")));
}

#[test]
fn a_systemd_credential_is_the_passphrase() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ampoule.passphrase");
    fs::write(&file, "x").expect("written");
    let environment = Environment::new([("CREDENTIALS_DIRECTORY", folder.path().to_str().expect("UTF-8"))], 0);
    let settings = load("root_key: {provider: passphrase}", &environment, &Flags::default()).expect("loads");
    assert_eq!(settings.root_key, RootKeySettings::Passphrase { file: Some(file) });
}

fn permitted(resource_type: &str, resource_id: &str, actions: &str) -> String {
    let permission = format!(
        "    - resource_type: {resource_type}\n      resource_id: \"{resource_id}\"\n      actions: [{actions}]\n"
    );
    format!("grants:\n- users: [7, root]\n  permissions:\n{permission}")
}

#[test]
fn grants_are_by_number_or_name_and_add_up() {
    let first = permitted("vault/object", "label:env=prod", "describe, inject");
    let second = "- groups: [root, 8]\n  users: [7]\n  permissions:\n    - {resource_type: iam/token, resource_id: '*', actions: ['*']}\n";
    let grants = plain(&(first + second)).expect("loads").grants;
    let objects = Permission::parse("vault/object", "label:env=prod", ["describe", "inject"]).expect("parses");
    let tokens = Permission::parse("iam/token", "*", ["create", "list", "revoke"]).expect("parses");
    let users = [(0, vec![objects.clone()]), (7, vec![objects, tokens.clone()])];
    assert_eq!(grants.users, users.into());
    assert_eq!(grants.groups, [(0, vec![tokens.clone()]), (8, vec![tokens])].into());
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, part) in [
        ("socket: /s\nlgo: {}\n", ".yaml:2:1: "),
        ("log:\n  format: xml\n", ".yaml:2:"),
        ("log: [\n", ".yaml:"),
        ("socket: /a\nsocket: /b\n", ".yaml:2:1: "),
        ("versions_kept: ten", ".yaml:1:16: "),
        ("versions_kept: 0", ".yaml:1:16: "),
        ("socket: s", ".yaml:1:9: \"s\" is not an absolute path"),
        ("log: {}\nstate_dir: ./s", ".yaml:2:12: \"./s\""),
        ("root_key:\n  keyfile: k\n", ".yaml:2:12: \"k\""),
        ("grants:\n  - users: [1]\n", ".yaml:2:"),
        (
            "grants: [{users: [nobody-of-this-name], permissions: []}]",
            ".yaml:1:19: user \"nobody-of-this-name\" is not",
        ),
        ("grants:\n- groups:\n  - no-such-group\n  permissions: []", ".yaml:3:5: group \"no-such-group\" is not"),
        ("grants: [{users: [-1], permissions: []}]", ".yaml:1:19: no user"),
        ("grants: [{users: [4294967295], permissions: []}]", ".yaml:1:19: no user"),
        (&permitted("vault/secret", "*", "list"), ".yaml:4:22: resource_type"),
        (&permitted("vault/object", "sec_A", "list"), ".yaml:5:20: resource_id"),
        (&permitted("vault/object", "*", "list, read"), ".yaml:6:16: actions"),
        (&permitted("vault/object", "*", ""), ".yaml:6:16: actions"),
    ] {
        let error = plain(text).expect_err(text);
        assert!(error.contains(part) && error.contains('\n'), "{text}: {error}");
    }
}

#[test]
fn paths_elsewhere_are_absolute_too() {
    let error = load("{}", &Environment::new([("AMPOULE_SOCKET", "s")], 0), &Flags::default()).expect_err("relative");
    assert!(error.contains("socket is \"s\""), "{error}");
}

#[test]
fn variables_that_make_no_sense_are_named_and_not_shown() {
    for name in ["AMPOULE_LOG_FORMAT", "AMPOULE_ROOT_KEY", "AMPOULE_VERSIONS_KEPT"] {
        let error = load("{}", &Environment::new([(name, "hunter2")], 0), &Flags::default()).expect_err(name);
        assert!(error.contains(name) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_client_that_names_the_socket_needs_no_file() {
    let environment = Environment::new([("AMPOULE_CONFIG", "/nonexistent/ampoule.yaml")], 0);
    let flags = ClientFlags { socket: Some("/s".into()), ..ClientFlags::default() };
    assert_eq!(client_socket(&environment, &flags).expect("a socket"), Path::new("/s"));
    let error = client_socket(&environment, &ClientFlags::default()).expect_err("no file").to_string();
    assert!(error.contains("/nonexistent/ampoule.yaml"), "{error}");
}

#[test]
fn an_audit_sink_is_named_in_each_place() {
    let sink = |text: &str| plain(text).map(|settings| settings.audit_sink);
    let file = |path: &str| Some(AuditSink::File(path.into()));
    assert_eq!(sink("{}"), Ok(None));
    assert_eq!(sink("audit: {sink: stdout}"), Ok(Some(AuditSink::Stdout)));
    assert_eq!(sink("audit: {sink: syslog}"), Ok(Some(AuditSink::Syslog)));
    assert_eq!(sink("audit: {sink: {file: /f}}"), Ok(file("/f")));
    for wrong in ["audit: {sink: {file: f}}", "audit: {sink: pigeon}", "audit: {sink: {}}"] {
        assert!(sink(wrong).is_err(), "{wrong}");
    }
    let environment = Environment::new([("AMPOULE_AUDIT_SINK", "/e")], 0);
    let settings = load("audit: {sink: stdout}", &environment, &Flags::default()).expect("loads");
    assert_eq!(settings.audit_sink, file("/e"));
    let flags = Flags { audit_sink: Some(AuditSink::Syslog), ..Flags::default() };
    assert_eq!(load("{}", &environment, &flags).expect("loads").audit_sink, Some(AuditSink::Syslog));
    assert!(load("{}", &Environment::new([("AMPOULE_AUDIT_SINK", "e")], 0), &Flags::default()).is_err());
}

#[test]
fn listeners_have_a_certificate_or_stay_on_this_host() {
    let listen = |item: &str| plain(&format!("state_dir: /s\nlisten:\n  - {item}\n")).map(|settings| settings.listen);
    let tls = |certificate: &str, key: &str| {
        Some(TlsSettings { certificate: certificate.into(), key: key.into(), tls12: false })
    };
    for (item, expected) in [
        ("{address: 0.0.0.0:1}", tls("/s/tls/server.crt", "/s/tls/server.key")),
        ("{address: '[::]:1', certificate: /c, key: /k}", tls("/c", "/k")),
        ("{address: 127.0.0.1:1, plaintext: true}", None),
    ] {
        assert_eq!(listen(item).expect(item)[0].tls, expected, "{item}");
    }
    for (item, part) in [
        ("{address: 0.0.0.0:1, plaintext: true}", "loopback"),
        ("{address: 127.0.0.1:1, certificate: /c}", "certificate"),
        ("{address: 127.0.0.1:1, certificate: /c, key: /k, plaintext: true}", "certificate"),
        ("{address: localhost:1}", ".yaml:3:"),
        ("{adress: 127.0.0.1:1}", ".yaml:3:"),
    ] {
        let error = listen(item).expect_err(item);
        assert!(error.contains(part), "{item}: {error}");
    }
}

#[test]
fn limits_have_defaults() {
    let limits = plain("limits: {connections: 7, idle_seconds: 8}").expect("loads").limits;
    assert_eq!((limits.connections, limits.idle.as_secs(), limits.requests), (7, 8, 1024));
    assert_eq!(plain("").expect("loads").limits, Limits::default());
}
