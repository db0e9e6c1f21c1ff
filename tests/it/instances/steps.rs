//! A daemon is killed at each step that it takes with its engine to make an instance, and to end one.

use std::cell::Cell;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;

use tempfile::TempDir;

use super::restart::Rounds;
use super::{Json, id};
use crate::support::process::wait_until;
use crate::support::programs;
use crate::support::rig::temporary_folder;

/// How often the daemon is killed at each step.
const TIMES: usize = 2;

/// A podman that waits, where it is told to, before and after it does what it is called for.
struct Slow {
    gates: PathBuf,
    /// How many gates have been shut, each with its number: who comes to one late must not be taken for who comes to the next.
    shut: Cell<usize>,
    _folder: TempDir,
}

impl Slow {
    fn before(rounds: &mut Rounds) -> Self {
        let folder = temporary_folder();
        let (gates, program) = (folder.path().join("gates"), folder.path().join("podman"));
        fs::create_dir(&gates).expect("gates");
        let text = format!(
            r#"#!/bin/sh
gate() {{
    number=$(cat "{gates}/$1" 2>/dev/null) || return 0
    : > "{gates}/$1.$number"
    while [ -e "{gates}/$1" ]; do sleep 0.01; done
}}
for word in "$@"; do
    case $word in image | create | start | inspect | ps | rm) break ;; esac
done
if [ "$word" = create ]; then
    exec 9> "{gates}/creates"
    flock --shared 9
fi
if [ "$word" = rm ]; then
    exec 8> "{gates}/removes"
    flock --nonblock 8 || : > "{gates}/two-removes"
fi
gate "before-$word"
{podman} "$@"
code=$?
gate "after-$word"
exit $code
"#,
            gates = gates.display(),
            podman = programs::system("podman", "podman").display()
        );
        fs::write(&program, text).expect("podman");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("podman");
        rounds.host.prefer_programs_of(folder.path());
        rounds.host.daemon.kill();
        rounds.host.launch();
        Self { gates, shut: Cell::new(0), _folder: folder }
    }

    fn shut(&self, gate: &str) {
        self.shut.set(self.shut.get() + 1);
        // All of it at once, for who looks meanwhile.
        let unfinished = self.gates.join("unfinished");
        fs::write(&unfinished, self.shut.get().to_string()).expect("a gate");
        fs::rename(unfinished, self.gates.join(gate)).expect("a gate");
    }

    fn open(&self, gate: &str) {
        fs::remove_file(self.gates.join(gate)).expect("a gate");
    }

    fn wait_at(&self, gate: &str) {
        wait_until(gate, || self.gates.join(gate).with_extension(self.shut.get().to_string()).exists());
    }

    /// Lets it come to a gate by way of an earlier one, which the daemon's own looks at the engine don't pass.
    fn wait_at_after(&self, gate: &str, earlier: Option<&str>) {
        if let Some(earlier) = earlier {
            self.wait_at(earlier);
            self.shut(gate);
            self.open(earlier);
        }
        self.wait_at(gate);
    }

    /// Kills the daemon; the engine goes on before the next one is there, or only with it.
    fn kill_daemon_at(&self, gate: &str, rounds: &mut Rounds, engine_is_first: bool) {
        rounds.host.daemon.kill();
        if engine_is_first {
            self.open(gate);
            rounds.host.launch();
        } else {
            rounds.host.launch();
            self.open(gate);
        }
        // It may have been killed with the daemon, or before its podman was through with it, and makes the container still.
        File::create(self.gates.join("creates")).and_then(|lock| lock.lock()).expect("a lock");
    }
}

#[test]
fn an_instance_that_was_being_made_has_failed_and_left_nothing() {
    let mut rounds = Rounds::new();
    let slow = Slow::before(&mut rounds);
    for (gate, earlier) in [
        ("before-image", None),
        ("after-image", None),
        ("before-create", None),
        ("after-create", None),
        ("before-start", None),
        ("after-start", None),
        ("before-inspect", Some("after-start")),
        ("after-inspect", Some("after-start")),
    ] {
        for time in 0..TIMES {
            slow.shut(earlier.unwrap_or(gate));
            let request = rounds.request();
            let id = id(&rounds.host.create(&request, &[]).json());
            slow.wait_at_after(gate, earlier);
            slow.kill_daemon_at(gate, &mut rounds, time % 2 == 0);
            rounds.host.wait_for_status(&id, "ERROR");
            let instance = rounds.host.describe(&id);
            assert_eq!(instance["status_reason"], "the daemon stopped while it was being made", "{gate}");
            wait_until(&format!("{gate}: no container is left"), || rounds.host.containers().is_empty());
            rounds.host.destroy(&id);
            rounds.nothing_is_left(&id);
        }
    }
    rounds.nothing_is_on_disk();
}

#[test]
fn an_instance_that_was_being_ended_is_ended() {
    let mut rounds = Rounds::new();
    let slow = Slow::before(&mut rounds);
    for (gate, earlier) in [
        // Who waits there may be the daemon that looks by itself: the other one has not asked the engine for more than that either.
        ("before-ps", None),
        ("before-rm", None),
        ("after-rm", None),
        ("before-ps", Some("after-rm")),
        ("after-ps", Some("after-rm")),
    ] {
        for time in 0..TIMES {
            let id = id(&rounds.host.run(&rounds.request()));
            slow.shut(earlier.unwrap_or(gate));
            let cli = rounds.host.cli();
            thread::scope(|scope| {
                // Nobody is left to answer.
                scope.spawn(|| cli.run(&["instance", "destroy", &id], b""));
                rounds.host.wait_for_status(&id, "DESTROYING");
                slow.wait_at_after(gate, earlier);
                slow.kill_daemon_at(gate, &mut rounds, time % 2 == 0);
            });
            rounds.host.wait_for_status(&id, "DESTROYED");
            rounds.nothing_is_left(&id);
        }
    }
    // Of two podmans that remove a container, one has done while the other has yet to end its processes.
    assert!(!slow.gates.join("two-removes").exists(), "a daemon came between what an earlier one had begun");
    rounds.nothing_is_on_disk();
}
