//! What can be seen of containers by their processes.

use std::fs;

use ampoule_proto::process;

use crate::domain::{Injection, Process, Timestamp};

/// How long a container may go without a report. One whose shim was killed before it could tell is never heard of.
const UNREPORTED: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// What is known of an injection's container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// It runs.
    Running,
    /// It may run.
    Unknown,
    /// It has gone.
    Gone,
    /// Nobody ever said what became of it.
    NeverReported,
}

/// The processes of this host, as far as they can be seen from here.
pub(in super::super) struct Processes {
    boot: String,
    namespace: Option<u64>,
}

impl Processes {
    /// Those of the host, as this process sees them.
    pub(in super::super) fn of_host() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self { boot: boot.trim_end().to_owned(), namespace: process::namespace().ok() }
    }

    /// The machine's run: its `boot_id`; empty if it can't be read.
    pub(in super::super) fn boot(&self) -> &str {
        &self.boot
    }

    /// Looks for an injection's container.
    pub(super) fn look_for(&self, injection: &Injection, now: Timestamp) -> Seen {
        let known = !injection.boot.is_empty() && !self.boot.is_empty();
        if known && injection.boot != self.boot {
            return Seen::Gone;
        }
        let Some(init) = injection.init else {
            let late = now.duration_since(injection.at) > UNREPORTED;
            return if late { Seen::NeverReported } else { Seen::Unknown };
        };
        match self.is_alive(init) {
            Some(true) => Seen::Running,
            Some(false) => Seen::Gone,
            None => Seen::Unknown,
        }
    }

    /// Whether a process is alive, if that can be told: its id must mean the same here, and who is hidden isn't dead.
    pub(super) fn is_alive(&self, process: Process) -> Option<bool> {
        if self.namespace != Some(process.namespace) {
            return None;
        }
        match process::started(process.pid) {
            Ok(started) => Some(started == Some(process.started)),
            // Process 1 is always there.
            Err(_) if process::started(1).is_ok() => Some(false),
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ActorId, Container, RequestId};

    fn own() -> Process {
        let pid = std::process::id().cast_signed();
        let started = process::started(pid).expect("there").expect("alive");
        Process { pid, started, namespace: process::namespace().expect("a namespace") }
    }

    fn injection(processes: &Processes, init: Option<Process>) -> Injection {
        Injection {
            id: RequestId::new(1),
            at: Timestamp::now(),
            actor: ActorId::User(0),
            container: Container::default(),
            holds: Vec::new(),
            boot: processes.boot().to_owned(),
            init,
        }
    }

    #[test]
    fn a_process_is_its_id_its_start_and_its_namespace() {
        let (processes, own) = (Processes::of_host(), own());
        for (process, alive) in [
            (own, Some(true)),
            (Process { started: own.started + 1, ..own }, Some(false)),
            (Process { pid: i32::MAX, ..own }, Some(false)),
            (Process { namespace: own.namespace + 1, ..own }, None),
            (Process { namespace: 0, ..own }, None),
        ] {
            assert_eq!(processes.is_alive(process), alive, "{process:?}");
        }
    }

    #[test]
    fn what_is_not_seen_is_gone_only_if_it_would_be_seen() {
        let (processes, own) = (Processes::of_host(), own());
        let now = Timestamp::now();
        let seen = |init, at| processes.look_for(&injection(&processes, init), at);
        assert_eq!(seen(Some(own), now), Seen::Running);
        assert_eq!(seen(Some(Process { pid: i32::MAX, ..own }), now), Seen::Gone);
        assert_eq!(seen(Some(Process { namespace: 1, ..own }), now), Seen::Unknown);
        assert_eq!(seen(None, now), Seen::Unknown);
        assert_eq!(seen(None, now + UNREPORTED + UNREPORTED), Seen::NeverReported);
        let earlier = Injection { boot: "another".to_owned(), ..injection(&processes, Some(own)) };
        assert_eq!(processes.look_for(&earlier, now), Seen::Gone);
        let unknown = Injection { boot: String::new(), ..injection(&processes, Some(own)) };
        assert_eq!(processes.look_for(&unknown, now), Seen::Running);
    }
}
