//! The end of a command in a container whose caller has gone.
//!
//! To end the engine's client is not enough: podman and docker leave what it started running. Neither says which process that
//! is, so that it is found by a variable of its environment.

use std::fs;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

/// The variable. Its value is another one for each command.
pub(super) const MARK: &str = "AMPOULE_SESSION";

/// How long a command is looked for that may be about to begin.
const BEGINNING: Duration = Duration::from_secs(1);
/// How long its processes have to end by themselves.
const GRACE: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Hangs up on a command, as a kernel does when a terminal goes; and kills what takes no notice.
///
/// On a terminal that is the first process and the group in the foreground: what was left to itself in the background stays,
/// as it does when a connection of ssh breaks. Without one it is all that the command started and didn't detach.
pub(super) async fn hang_up(mark: &str, has_terminal: bool) {
    let started = Instant::now();
    let leader = loop {
        match leader(mark) {
            Some(leader) => break leader,
            None if started.elapsed() > BEGINNING => return,
            None => sleep(PAUSE).await,
        }
    };
    let foreground = Stat::of(leader).map(|stat| stat.foreground);
    let members: Vec<OwnedFd> = pids()
        .filter_map(|pid| {
            let process = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
            // Only now is it sure whose number that is.
            let stat = Stat::of(pid)?;
            let is_meant = !has_terminal || pid == leader || Some(stat.group) == foreground;
            (stat.session == leader && is_meant).then_some(process)
        })
        .collect();
    send(&members, Signal::HUP);
    send(&members, Signal::CONT);
    let asked = Instant::now();
    while asked.elapsed() < GRACE && Stat::of(leader).is_some_and(|stat| stat.session == leader) {
        sleep(PAUSE).await;
    }
    send(&members, Signal::KILL);
}

fn send(processes: &[OwnedFd], signal: Signal) {
    for process in processes {
        // It may have ended.
        let _ = pidfd_send_signal(process, signal);
    }
}

/// The process that carries the mark and that the engine itself has started: its parent is not in the container.
fn leader(mark: &str) -> Option<i32> {
    let entry = format!("{MARK}={mark}");
    pids().find(|pid| {
        let (Some(depth), Some(stat)) = (depth(*pid), Stat::of(*pid)) else { return false };
        depth > 1 && self::depth(stat.parent).is_none_or(|above| above < depth) && has_variable(*pid, entry.as_bytes())
    })
}

fn has_variable(pid: i32, entry: &[u8]) -> bool {
    let environment = Zeroizing::new(fs::read(format!("/proc/{pid}/environ")).unwrap_or_default());
    environment.split(|byte| *byte == 0).any(|found| found == entry)
}

/// In how many namespaces, one in the other, a process has a number; the host's own have one in ours alone.
fn depth(pid: i32) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("NSpid:")).map(|numbers| numbers.split_whitespace().count())
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// What `/proc/PID/stat` says (`proc_pid_stat(5)`).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: i32,
    group: i32,
    session: i32,
    foreground: i32,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// A process that has ended and is not waited for counts as none.
    fn parse(text: &str) -> Option<Self> {
        // The name before may have anything in it.
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let mut number = || fields.next()?.parse().ok();
        let (parent, group, session, _terminal, foreground) = (number()?, number()?, number()?, number()?, number()?);
        (state != "Z").then_some(Self { parent, group, session, foreground })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        let stat = Stat::parse("42 (a) R 1 (b) S 7 8 9 34816 10 4194304 0");
        assert_eq!(stat, Some(Stat { parent: 7, group: 8, session: 9, foreground: 10 }));
        assert_eq!(Stat::parse("42 (a) Z 7 8 9 0 -1 0"), None);
        assert_eq!(Stat::parse("42"), None);
    }
}
