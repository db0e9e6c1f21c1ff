//! Instances outlive the daemon that made them.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Host, IMAGE, Json, id, printing};
use crate::support::engine::Engine;
use crate::support::process::wait_until;
use crate::support::search::Needle;

#[test]
fn a_daemon_that_was_killed_finds_its_instances_again() {
    let mut host = Host::new();
    let secret = host.cli().add("alpha");
    let kept = id(&host.run(&printing("A", &secret)));
    let mut soon = json!({"containers": [{"name": "soon", "image_ref": IMAGE, "args": ["sleep", "1000"]}]});
    soon["deadline"] = json!((jiff::Timestamp::now() + jiff::SignedDuration::from_secs(12)).to_string());
    let soon = id(&host.run(&soon));
    host.daemon.kill();
    // One that nobody knows, as a daemon leaves it that is killed before it could say what it made.
    let vault = host.engine.call(&[
        "inspect",
        "--format",
        "{{index .Config.Labels \"dev.ampoule.vault\"}}",
        &format!("{kept}-web"),
    ]);
    let vault = vault.ok().out();
    let labels = [format!("dev.ampoule.vault={}", vault.trim()), "dev.ampoule.instance=inst-orphan".to_owned()];
    host.engine
        .call(&[
            "create",
            "--name",
            "orphan",
            "--label",
            &labels[0],
            "--label",
            &labels[1],
            "--label",
            "dev.ampoule.container=x",
            IMAGE,
            "true",
        ])
        .ok();
    host.launch();
    host.wait_for_status(&soon, "DESTROYED");
    wait_until("the orphan is gone", || host.containers() == [format!("{kept}-web")]);
    assert_eq!(host.describe(&kept)["status"], "RUNNING");
    // What it may be given is known again as well.
    let ran = host.cli().run(&["instance", "exec", &kept, "--", "sh", "-c", "echo $A"], b"");
    assert_eq!(ran.ok().out(), "alpha\n");
    host.destroy(&kept);
    host.daemon.signal(Signal::SIGTERM);
    host.daemon.wait_stopped();
    assert_eq!(host.containers(), [""; 0]);
}

/// Kills the daemon at a moment of its work on an instance, each round a little further, and starts another one.
pub(super) struct Rounds {
    pub(super) host: Host,
    needle: Needle,
    secret: String,
}

/// Beside those at each step, see [`super::steps`].
const ROUNDS: u32 = 15;
/// What an instance takes to be made here, about, and what one takes to be ended.
const WORK: Duration = Duration::from_millis(900);

impl Rounds {
    pub(super) fn new() -> Self {
        let (host, needle) = (Host::new(), Needle::random());
        let secret = host.cli().add(needle.value());
        Self { host, needle, secret }
    }

    /// What is asked for: it waits for its end, and is never late.
    pub(super) fn request(&self) -> Value {
        let mut request = json!({"containers": [printing("A", &self.secret)]});
        request["containers"][0]["args"] = json!(["sh", "-c", "trap exit TERM; while :; do sleep 0.1; done"]);
        request["deadline"] = json!((jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string());
        request
    }

    fn kill_after(&mut self, round: u32) {
        std::thread::sleep(WORK * round / ROUNDS);
        self.host.daemon.kill();
        self.host.launch();
    }

    #[track_caller]
    pub(super) fn nothing_is_left(&self, id: &str) {
        wait_until("no container is left", || self.host.containers().is_empty());
        assert_eq!(self.host.describe(id)["status"], "DESTROYED");
        // The value was in the container alone; the daemon has none of it that could be seen.
        let found = self.needle.search_processes(|_| true);
        assert!(found.is_empty(), "{found:?}");
    }

    #[track_caller]
    pub(super) fn nothing_is_on_disk(&self) {
        let found = self.needle.search(self.host.engine.site().folder());
        assert!(found.is_empty(), "{found:?}");
    }
}

#[test]
fn a_daemon_that_is_killed_while_it_makes_an_instance_loses_and_leaves_nothing() {
    let mut rounds = Rounds::new();
    let mut seen = BTreeSet::new();
    for round in 0..ROUNDS {
        let request = rounds.request();
        let made = rounds.host.create(&request, &[]).json();
        rounds.kill_after(round);
        let id = id(&made);
        let status = || rounds.host.describe(&id)["status"].as_str().map(str::to_owned).expect("a status");
        wait_until("it is decided", || matches!(status().as_str(), "RUNNING" | "ERROR"));
        seen.insert(status());
        let deadline =
            |instance: &Value| instance["deadline"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let asked = deadline(&request).map(jiff::Timestamp::as_millisecond);
        assert_eq!(deadline(&rounds.host.describe(&id)).map(jiff::Timestamp::as_millisecond), asked);
        rounds.host.destroy(&id);
        rounds.nothing_is_left(&id);
    }
    assert_eq!(seen.len(), 2, "the daemon was killed before and after the end of its work: {seen:?}");
    rounds.nothing_is_on_disk();
}

#[test]
fn a_daemon_that_is_killed_while_it_ends_an_instance_ends_it_later() {
    let mut rounds = Rounds::new();
    for round in 0..ROUNDS {
        let id = id(&rounds.host.run(&rounds.request()));
        let cli = rounds.host.cli();
        thread::scope(|scope| {
            // Whether it is answered depends on when the daemon is killed.
            scope.spawn(|| cli.run(&["instance", "destroy", &id], b""));
            rounds.kill_after(round);
        });
        // It was asked for in time, or not at all.
        wait_until("it is ended or as it was", || {
            matches!(rounds.host.describe(&id)["status"].as_str(), Some("RUNNING" | "DESTROYED"))
        });
        if rounds.host.describe(&id)["status"] == "RUNNING" {
            rounds.host.destroy(&id);
        }
        rounds.nothing_is_left(&id);
    }
    rounds.nothing_is_on_disk();
}
