//! Bundles that are broken, huge, or left over from a crash, on the real runtimes.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::Value;

use crate::support::bundle::{Bundle, Request};
use crate::support::engine::{Bare, Engine, on_every_runtime};
use crate::support::process::Ran;
use crate::support::programs;
use crate::support::rig::Rig;

/// A bundle that asks for one secret, and runs from it.
struct Scene<'a> {
    rig: &'a Rig<Bare>,
    bundle: Bundle,
    asking: Value,
}

impl<'a> Scene<'a> {
    fn new(rig: &'a Rig<Bare>) -> Self {
        let secret = rig.daemon.cli().add("alpha");
        let request = Request::printing_environment().env("A", &format!("ampoule://{secret}"));
        let bundle = rig.engine.bundle("bad", &request);
        let asking = serde_json::from_slice(&fs::read(bundle.config_path()).expect("config.json")).expect("JSON");
        Self { rig, bundle, asking }
    }

    /// Removes whatever stands in the bundle.
    fn clear(&self) {
        fs::remove_dir_all(&self.bundle.path).expect("removed");
        fs::create_dir(&self.bundle.path).expect("made");
    }

    fn write(&self, text: &[u8]) {
        self.clear();
        fs::write(self.bundle.config_path(), text).expect("config.json");
    }

    fn run(&self) -> Ran {
        self.rig.engine.call("run", &self.bundle, &self.rig.engine.fresh_id())
    }

    #[track_caller]
    fn assert_served(&self, what: &str) {
        let ran = self.run();
        assert!(ran.code() == 0 && ran.err().is_empty(), "{what}: {}", ran.err());
        assert!(ran.out().contains("A=alpha\0"), "{what}: {}", ran.out());
    }

    /// No container, words that name the cause, and nothing has changed: not even the log of what was asked for.
    #[track_caller]
    fn assert_refused(&self, what: &str, named: &str) {
        let before = (self.found(), self.rig.daemon.cli().injections());
        let ran = self.run();
        assert!(ran.code() == 1 && ran.stdout.is_empty(), "{what}: exit {}, {}", ran.code(), ran.out());
        assert!(ran.err().starts_with("ampoule: ") && ran.err().contains(named), "{what}: {}", ran.err());
        assert!(self.rig.engine.site().containers().is_empty(), "{what}: the runtime knows a container");
        assert_eq!((self.found(), self.rig.daemon.cli().injections()), before, "{what}");
    }

    /// Every name in the bundle, with its content if it is a file.
    fn found(&self) -> Vec<(String, Option<Vec<u8>>)> {
        let entries = fs::read_dir(&self.bundle.path).expect("the bundle").map(|entry| entry.expect("an entry"));
        let content = |entry: fs::DirEntry| {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            (entry.file_name().to_string_lossy().into_owned(), is_file.then(|| fs::read(entry.path()).expect("read")))
        };
        let mut found: Vec<_> = entries.map(content).collect();
        found.sort();
        found
    }
}

/// Puts something in the place of a configuration.
type Prepare<'a> = &'a dyn Fn();

/// Without a request in it, a broken bundle is the runtime's to report: same words, same exit code.
fn what_asks_for_nothing_is_the_runtimes_to_report(rig: &Rig<Bare>) {
    let scene = Scene::new(rig);
    let engine = &rig.engine;
    let path = scene.bundle.path.to_str().expect("UTF-8");
    let config = scene.bundle.config_path();
    let cases: [(&str, Prepare<'_>); 7] = [
        ("missing", &|| scene.clear()),
        ("empty", &|| scene.write(b"")),
        ("malformed", &|| scene.write(b"{\"process\": {")),
        ("not UTF-8", &|| scene.write(b"{\"hostname\": \"\xff\"}")),
        ("another kind", &|| scene.write(b"{\"process\": {\"env\": 7}}")),
        ("a directory", &|| {
            scene.clear();
            fs::create_dir(&config).expect("made");
        }),
        ("a link to nothing", &|| {
            scene.clear();
            symlink("elsewhere.json", &config).expect("linked");
        }),
    ];
    for (what, prepare) in cases {
        prepare();
        let bare = engine.site().realm.run(&mut engine.site().bare_runtime(&["run", "--bundle", path, "same"]));
        let before = scene.found();
        let behind = engine.site().realm.run(&mut engine.site().runtime(&["run", "--bundle", path, "same"]));
        assert_ne!(bare.code(), 0, "{what}: the runtime took it");
        let told = |ran: &Ran| (ran.code(), ran.out(), without_time(&ran.err()));
        assert_eq!(told(&behind), told(&bare), "{what}");
        assert_eq!(scene.found(), before, "{what}");
    }
}

/// runc begins some lines with the time.
fn without_time(text: &str) -> Vec<String> {
    let is_time = |word: &&str| !word.starts_with("time=");
    text.lines().map(|line| line.split(' ').filter(is_time).collect::<Vec<_>>().join(" ")).collect()
}

/// Whatever can't be understood whole is refused: a request must not be missed, nor a value put in the wrong place.
fn what_asks_and_is_malformed_is_refused(rig: &Rig<Bare>) {
    let scene = Scene::new(rig);
    let asking = scene.asking.to_string();
    let secret = scene.asking["process"]["env"][2].as_str().expect("a reference").to_owned();
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("cut off", asking.as_bytes()[..asking.len() - 1].to_vec(), "not valid JSON at line 1"),
        ("followed by more", format!("{asking} x").into_bytes(), "not valid JSON at line 1"),
        ("not UTF-8", not_utf8(&asking), "not UTF-8"),
        ("two environments", asking.replacen("\"env\":", "\"env\":[],\"env\":", 1).into_bytes(), "env"),
        ("an environment in other letters", asking.replacen("\"env\":", "\"Env\":[],\"env\":", 1).into_bytes(), "nv"),
        (
            "a number among the variables",
            asking.replacen(&format!("\"{secret}\""), &format!("\"{secret}\",7"), 1).into(),
            "env",
        ),
        ("no process", br#"{"annotations":{"ampoule.dev/env.A":"sec_abc"}}"#.to_vec(), "no process"),
    ];
    for (what, text, named) in cases {
        scene.write(&text);
        scene.assert_refused(what, named);
    }
    scene.write(&vec![b' '; (64 << 20) + 1]);
    scene.assert_refused("huge", "larger than 64 MiB");
}

fn not_utf8(text: &str) -> Vec<u8> {
    let (head, tail) = text.split_once("test").expect("the host's name");
    [head.as_bytes(), b"\xff", tail.as_bytes()].concat()
}

/// As large as nobody's is, and larger than any pipe.
fn five_megabytes_are_delivered_whole(rig: &Rig<Bare>) {
    let mut scene = Scene::new(rig);
    let filler = "x".repeat(5 << 20);
    scene.asking["annotations"]["org.example.filler"] = filler.into();
    scene.write(scene.asking.to_string().as_bytes());
    let before = scene.found();
    scene.assert_served("5 MiB");
    assert_eq!(scene.found(), before);
}

/// Nothing can change places with a mount, and a link that is no shim's is the engine's way to say where the text is.
fn a_configuration_of_another_kind_is_delivered(rig: &Rig<Bare>) {
    let scene = Scene::new(rig);
    let config = scene.bundle.config_path();
    let elsewhere = rig.engine.site().folder().join("elsewhere.json");
    fs::write(&elsewhere, scene.asking.to_string()).expect("written");
    scene.clear();
    symlink(&elsewhere, &config).expect("linked");
    scene.assert_served("a link");
    assert_eq!(fs::read_link(&config).expect("a link"), elsewhere);
    assert_eq!(scene.found(), [("config.json".to_owned(), None)]);

    scene.write(b"");
    let realm = &rig.engine.site().realm;
    let mut mount = Command::new(programs::system("mount", "mount"));
    realm.run(mount.arg("--bind").arg(&elsewhere).arg(&config)).ok();
    scene.assert_served("a mount");
    // The helper may still be at its end, and have the file.
    rig.engine.site().wait_for_helpers();
    realm.run(Command::new(programs::system("umount", "mount")).arg(&config)).ok();
    assert_eq!(scene.found(), [("config.json".to_owned(), Some(Vec::new()))]);
    assert_eq!(fs::read_to_string(&elsewhere).expect("read"), scene.asking.to_string());
}

/// What a machine that lost power in the middle of a create has in its bundle.
fn leftovers_are_healed_or_refused(rig: &Rig<Bare>) {
    let scene = Scene::new(rig);
    let config = scene.bundle.config_path();
    let sibling = scene.bundle.path.join(".config.json.ampoule");
    let text = scene.asking.to_string();
    for leftover in ["a link to a helper", "a pipe"] {
        let leave = || match leftover {
            "a pipe" => mkfifo(&config, Mode::S_IRWXU).expect("a FIFO"),
            _ => symlink("/proc/4194305/fd/5", &config).expect("a link"),
        };
        scene.clear();
        fs::write(&sibling, &text).expect("the original");
        leave();
        scene.assert_served(leftover);
        assert_eq!(scene.found(), [("config.json".to_owned(), Some(text.clone().into_bytes()))], "{leftover}");
        scene.clear();
        leave();
        scene.assert_refused(leftover, "its original is gone");
    }
}

on_every_runtime!(
    what_asks_for_nothing_is_the_runtimes_to_report,
    what_asks_and_is_malformed_is_refused,
    five_megabytes_are_delivered_whole,
    a_configuration_of_another_kind_is_delivered,
    leftovers_are_healed_or_refused,
);
