//! Devboxes, as people use them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Driven, Host, IMAGE, Json, id};
use crate::canary::places;
use crate::support::engine::Engine;
use crate::support::process::{Ran, wait_until};
use crate::support::search::Needle;

/// An image with a stand-in for git.
const WITH_GIT: &str = "localhost/with-git";

/// What it does in git's place: a folder, which says how it was called and what git would have asked. What git itself makes
/// of these words is not shown by it.
const STAND_IN: &str = r#"#!/bin/sh
case "$*" in *absent*) echo "fatal: repository not found" >&2; exit 128 ;; esac
if [ "$1" != clone ]; then
    echo "$*" >>"$2/called"
    exit 0
fi
for folder; do :; done
mkdir "$folder"
case "$*" in *endless*) touch /tmp/cloning; exec sleep 1000 ;; esac
for word; do
    case $word in
    credential.*) sh -c "${word#*=!} get" | while read -r line; do echo "${#line}"; done >"$folder/lengths" ;;
    esac
done
for word; do echo "$word"; done >"$folder/called"
"#;

impl Host {
    /// One whose `default` is an image of ours, and that knows a built-in one with git.
    fn for_devboxes() -> Self {
        let images = json!({"default_image": IMAGE, "builtin_images": {"git": WITH_GIT}});
        let host = Self::with_settings(&json!({"devbox": images}));
        let git = host.engine.site().folder().join("git");
        fs::write(&git, STAND_IN).and_then(|()| fs::set_permissions(&git, Permissions::from_mode(0o755))).expect("git");
        for args in [
            &["create", "--name", "base", IMAGE, "true"][..],
            &["cp", git.to_str().expect("UTF-8"), "base:/bin/git"],
            &["commit", "base", WITH_GIT],
            &["rm", "base"],
        ] {
            host.engine.call(args).ok();
        }
        host
    }
}

impl<E: Driven> Host<E> {
    pub(super) fn devbox(&self, args: &[&str], stdin: &str) -> Ran {
        self.cli().run(&[&["devbox"], args].concat(), stdin.as_bytes())
    }

    /// What a command in it prints.
    #[track_caller]
    pub(super) fn inside(&self, name: &str, command: &str) -> String {
        self.devbox(&["exec", name, "--", "sh", "-c", command], "").ok().out()
    }

    pub(super) fn volumes(&self) -> Vec<String> {
        let listed = self.engine.command_line(&["volume", "ls", "--quiet"]).ok().out();
        listed.lines().map(str::to_owned).collect()
    }

    fn status(&self, name: &str) -> Value {
        self.devbox(&["describe", name, "-o", "json"], "").json()["status"].clone()
    }
}

#[test]
fn what_is_in_it_outlives_its_stops_and_its_secrets_are_drawn_anew() {
    let mut host = Host::for_devboxes();
    let needle = Needle::random();
    let secret = host.cli().add(needle.value());
    let file =
        format!("name: box\nimage: default\nsize: M\nenv:\n  - name: GITHUB_TOKEN\n    from_secret_id: {secret}\n");
    let made = host.devbox(&["create", "--from", "-", "-o", "json"], &file);
    let devbox = made.json();
    assert_eq!(
        (&devbox["name"], &devbox["status"], &devbox["image"]),
        (&json!("box"), &json!("RUNNING"), &json!(IMAGE))
    );
    // This machine may be as large.
    let is_less = devbox["virtual_cpu"] != 8 || devbox["memory_megabytes"] != 16_384;
    assert_eq!(made.err().contains("note: size M is 8 CPUs"), is_less, "{}", made.err());
    let length = needle.value().len();
    assert_eq!(host.inside("box", "echo ${#GITHUB_TOKEN} $HOME; pwd"), format!("{length} /root\n/workspaces\n"));
    let instance = host.describe(&id(&devbox));
    let container = instance["containers"][0]["id"].as_str().expect("an id");
    let found = places(&needle, &host.engine, container);
    assert!(found.is_empty(), "{found:?}");

    let taken = host.devbox(&["create", "--name", "box"], "");
    assert!(taken.code() == 1 && taken.err().contains("ampoule devbox start box"), "{}", taken.err());
    host.devbox(&["exec", "-d", "box", "--", "sh", "-c", "echo from afar; sleep 1000"], "").ok();
    wait_until("it has printed", || host.devbox(&["logs", "box"], "").out().contains("from afar\n"));
    let absent = host.devbox(&["exec", "-d", "box", "--", "no-such-program"], "");
    assert!(absent.code() == 127 && absent.err().contains("no-such-program"), "{}", absent.err());

    host.inside("box", "echo kept >~/file; echo kept >file");
    let stopped = host.devbox(&["stop", "box", "-o", "json"], "").json();
    assert_eq!(stopped["status"], "SUSPENDED");
    assert!(needle.search_processes(|_| true).is_empty(), "nothing runs");
    let refused = host.devbox(&["exec", "box", "--", "true"], "");
    assert!(refused.code() == 1 && refused.err().contains("ampoule devbox start box"), "{}", refused.err());
    host.cli().set(&secret, "a new one");
    // A daemon that was away meanwhile knows it again.
    host.daemon.kill();
    host.launch();
    let started = host.devbox(&["start", "box", "-o", "json"], "").json();
    assert_eq!(started["status"], "RUNNING");
    assert_eq!(host.inside("box", "echo $GITHUB_TOKEN; cat ~/file file"), "a new one\nkept\nkept\n");

    // Whatever else ends it, its files stay.
    host.engine.call(&["kill", &format!("{}-box", id(&devbox))]).ok();
    wait_until("it is seen", || host.status("box") == "SUSPENDED");
    host.devbox(&["start", "box"], "").ok();
    assert_eq!(host.inside("box", "cat file"), "kept\n");

    let listed = host.devbox(&["list"], "").ok().out();
    assert!(listed.contains("box\tRUNNING\tM\t"), "{listed}");
    let unsure = host.devbox(&["expire", "box"], "");
    assert!(unsure.code() == 1 && unsure.err().contains("--force"), "{}", unsure.err());
    host.devbox(&["expire", "box", "--force"], "").ok();
    assert_eq!((host.containers(), host.volumes()), (vec![], vec![]));
    let unknown = host.devbox(&["describe", "box"], "");
    assert!(unknown.code() == 1 && unknown.err().contains("devbox box is not known"), "{}", unknown.err());
    host.daemon.signal(Signal::SIGTERM);
    host.daemon.wait_stopped();
}

#[test]
fn a_repository_is_there_before_anything_runs() {
    let host = Host::for_devboxes();
    let secret = host.cli().add("hunter2");
    let file = json!({
        "name_prefix": "box", "image": "builtin:git", "size": "s", "ephemeral": true,
        "repository": {"url": "https://example.com/team/app.git", "ref": "v1", "credentials": secret},
    });
    let made = host.devbox(&["create", "--from", "-", "--from_format", "json", "-o", "json"], &file.to_string()).json();
    let name = made["name"].as_str().expect("a name").to_owned();
    assert!(name.starts_with("box-"), "{name}");
    assert_eq!(made["directory"], "/workspaces/app");
    let called = host.inside(&name, "pwd; cat called");
    let expected = ["/workspaces/app", "https://example.com/team/app.git", "checkout --quiet v1 --"];
    assert!(expected.iter().all(|part| called.contains(part)), "{called}");
    assert!(!called.contains("hunter2"), "{called}");
    // `username=x-access-token` and `password=hunter2`.
    assert_eq!(host.inside(&name, "cat lengths"), "23\n16\n");
    // What is only in memory goes, and is cloned anew.
    host.inside(&name, "touch ~/file file /tmp/file");
    host.devbox(&["stop", &name], "").ok();
    host.devbox(&["start", &name], "").ok();
    assert_eq!(host.inside(&name, "ls ~ /tmp; ls"), "/root:\n\n/tmp:\ncalled\nlengths\n");
    assert_eq!(host.volumes(), [""; 0]);
    host.devbox(&["expire", &name, "--force"], "").ok();

    // One that is still being made can be given up.
    let cli = host.cli();
    let making = thread::spawn(move || {
        let endless = "https://example.com/endless";
        cli.run(&["devbox", "create", "--name", "box", "--image", "builtin:git", "--checkout", endless], b"")
    });
    wait_until("it is cloned", || {
        let of_box = host.containers().into_iter().find(|name| name.ends_with("-box"));
        of_box.is_some_and(|name| host.engine.call(&["exec", &name, "test", "-e", "/tmp/cloning"]).status.success())
    });
    host.devbox(&["expire", "box", "--force"], "").ok();
    let made = making.join().expect("it ends");
    assert!(made.code() == 1 && made.err().contains("expired"), "{}", made.err());

    for (args, told) in [
        (&["--image", "builtin:git", "--checkout", "https://example.com/absent"][..], "fatal: repository not found"),
        (&["--checkout", "https://example.com/app"], "the image has no git"),
        (&["--image", "localhost/not-there"], "not-there"),
        (&["--image", "builtin:other"], "instances.devbox.builtin_images"),
    ] {
        let failed = host.devbox(&[&["create", "--name", "box"], args].concat(), "");
        assert!(failed.code() == 1 && failed.err().contains(told), "{args:?}: {}", failed.err());
    }
    assert_eq!(host.devbox(&["list", "-o", "json"], "").json(), json!([]));
    assert_eq!((host.containers(), host.volumes()), (vec![], vec![]), "nothing is left of what failed");
}

#[test]
fn who_may_not_inject_a_secret_gets_it_by_no_devbox() {
    let host = Host::for_devboxes();
    let (own, other) = (host.cli().add("alpha"), host.cli().add("beta"));
    let path = host.engine.site().folder().join("token.json").display().to_string();
    let all = "compute/instance:*:create,describe,list,update,exec,destroy";
    let own_grant = format!("vault/object:{own}:inject");
    let args = ["token", "create", "--name", "caller", "--token_file", &path, "--grant", all, "--grant", &own_grant];
    host.cli().run(&args, b"").ok();
    let with_token = |args: &[&str], stdin: &str| {
        host.cli().run(&[&["--token_file", &path, "devbox"], args].concat(), stdin.as_bytes())
    };
    for field in [
        json!({"env": [{"name": "A", "from_secret_id": other}]}),
        json!({"env": [{"name": "A", "value": format!("ampoule://{other}")}]}),
        json!({"env": [{"name": "B", "from_secret_id": own}, {"name": "A", "from_secret_id": other}]}),
        json!({"image": "builtin:git", "repository": {"url": "https://example.com/app", "credentials": other}}),
    ] {
        let mut file = field.clone();
        file["name"] = json!("box");
        let ran = with_token(&["create", "--from", "-", "--from_format", "json"], &file.to_string());
        assert!(ran.code() == 1 && ran.err().contains(&other), "{field}: {}", ran.err());
    }
    assert_eq!(host.containers(), [""; 0], "nothing was made");
    // One that somebody else made: its secrets are drawn when it starts, so not for this caller.
    let secret = format!("A={other}");
    host.devbox(&["create", "--name", "theirs", "--secret", &secret], "").ok();
    with_token(&["stop", "theirs"], "").ok();
    let refused = with_token(&["start", "theirs"], "");
    assert!(refused.code() == 1 && refused.err().contains("env A: there is no secret"), "{}", refused.err());
    assert_eq!(host.status("theirs"), "SUSPENDED");
    // The home of another is no volume that a request can name.
    let volume = host.volumes().into_iter().find(|name| name.ends_with("-home")).expect("a volume");
    for tag in [volume.as_str(), volume.trim_start_matches("ampoule.")] {
        let request = json!({"name": "web", "image_ref": IMAGE, "args": ["sh", "-c", "ls /v; sleep 1000"],
            "volumes": [{"mount_point": "/v", "tag": tag}]});
        let made = host.run(&request);
        let volumes = host.volumes();
        assert!(volumes.contains(&format!("ampoule-{tag}")), "{volumes:?}");
        host.destroy(&id(&made));
    }
    host.devbox(&["expire", "theirs", "--force"], "").ok();
}

#[test]
fn a_daemon_that_is_killed_leaves_it_running_or_stopped() {
    let mut host = Host::for_devboxes();
    host.devbox(&["create", "--name", "box"], "").ok();
    host.inside("box", "echo kept >file");
    for (round, command) in ["stop", "start", "stop", "start", "stop", "start"].into_iter().enumerate() {
        let cli = host.cli();
        let under_way = thread::spawn(move || cli.run(&["devbox", command, "box"], b""));
        // Each round a little further on its way.
        thread::sleep(Duration::from_millis(40 * u64::try_from(round).expect("few")));
        host.daemon.kill();
        under_way.join().expect("it ends");
        host.launch();
        wait_until("it is decided", || ["RUNNING", "SUSPENDED"].iter().any(|status| host.status("box") == *status));
    }
    host.devbox(&["start", "box"], "").ok();
    assert_eq!(host.inside("box", "cat file"), "kept\n");
    host.devbox(&["expire", "box", "--force"], "").ok();
    assert_eq!((host.containers(), host.volumes()), (vec![], vec![]));
}
