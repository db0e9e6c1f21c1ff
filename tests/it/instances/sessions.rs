//! Somebody at a container's shell.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::power::token;
use super::{Host, IMAGE, Json, id};
use crate::support::process::{kill_9, wait_until};
use crate::support::terminal::Terminal;

fn idle() -> Value {
    json!({"name": "box", "image_ref": IMAGE, "args": ["sleep", "1000"]})
}

/// A shell of the container on a terminal, waiting for what is typed; `mark` is one of its arguments.
fn shell(host: &Host, instance: &str, mark: &str) -> Terminal {
    let args = ["instance", "exec", "-i", "-t", instance, "--", "sh", "-i", "-s", mark];
    let mut terminal = Terminal::start(host.cli().command(&args).env("TERM", "vt100"));
    terminal.wait_for("# ");
    terminal
}

/// Whether a process with this argument runs anywhere.
fn runs(argument: &str) -> bool {
    let lines = fs::read_dir("/proc").expect("/proc").flatten();
    let mut lines = lines.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.any(|line| line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes()))
}

#[test]
fn a_shell_is_as_if_it_were_here() {
    let host = Host::new();
    let instance = id(&host.run(&idle()));
    // More than all pipes and windows on the way hold.
    let much: Vec<u8> = (0..3_000_000_u32).map(|n| u8::try_from(n % 251).expect("small")).collect();
    let ran = host.cli().run(&["instance", "exec", "-i", &instance, "--", "sh", "-c", "cat; exit 5"], &much);
    assert_eq!((ran.code(), ran.err().as_str()), (5, ""));
    assert!(ran.stdout == much, "{} bytes", ran.stdout.len());
    let mut terminal = shell(&host, &instance, "871000");
    terminal.resize(33, 99);
    terminal.write(b"tty; until [ \"$(stty size)\" = '33 99' ]; do sleep 0.1; done; echo $TERM si''zed\r");
    terminal.wait_for("vt100 sized");
    terminal.write(b"echo be''gin; sleep 1000; echo ne''ver\r");
    terminal.wait_for("begin");
    terminal.write(b"\x03");
    // What is typed before the prompt is back is thrown away with the rest.
    terminal.wait_for("^C\r\n/ # ");
    terminal.write(b"echo he''re\r");
    terminal.wait_for("here");
    terminal.write(b"exit 7\r");
    let closed = terminal.close();
    assert_eq!((closed.code, closed.is_restored), (7, true), "{}", closed.shown);
    assert!(closed.shown.contains("/dev/pts/") && !closed.shown.contains("never"), "{}", closed.shown);
    // What can't be started says why, and the terminal is as before.
    let missing = host.cli().command(&["instance", "exec", "-i", "-t", &instance, "--", "no-such-program"]);
    let closed = Terminal::start(&missing).close();
    assert!(closed.code != 0 && closed.is_restored && closed.shown.contains("no-such-program"), "{}", closed.shown);
    let piped = host.cli().run(&["instance", "exec", "-i", "-t", &instance, "--", "sh"], b"");
    assert!(piped.code() == 1 && piped.err().contains("not a terminal"), "{}", piped.err());
    host.cli().run(&["instance", "exec", "-d", &instance, "--", "sleep", "871001"], b"").ok();
    wait_until("it goes on by itself", || runs("871001"));
    host.destroy(&instance);
}

#[test]
fn who_hangs_up_leaves_nothing_running() {
    let mut host = Host::new();
    let instance = id(&host.run(&idle()));
    let mut terminal = shell(&host, &instance, "872000");
    terminal.write(b"sleep 872001\r");
    wait_until("the command runs", || runs("872001"));
    kill_9(terminal.pid());
    wait_until("the command and its shell are gone", || !runs("872001") && !runs("872000"));
    drop(terminal);
    let terminal = shell(&host, &instance, "872006");
    kill(Pid::from_raw(terminal.pid().cast_signed()), Signal::SIGTERM).expect("signal");
    let closed = terminal.close();
    assert_eq!((closed.code, closed.is_restored), (143, true), "{}", closed.shown);
    wait_until("its shell is gone", || !runs("872006"));
    // One that takes no input and ignores the first signal.
    for (options, seconds) in [(&["-i"][..], "872002"), (&[], "872003")] {
        let script = format!("trap '' HUP; sleep {seconds}; true");
        let args = [&["instance", "exec"], options, &[&instance, "--", "sh", "-c", &script]].concat();
        let mut command = host.cli().command(&args);
        let job = crate::support::process::Job::start(&mut command, &vec![b'x'; 500_000], std::process::Command::spawn);
        wait_until("the command runs", || runs(seconds));
        drop(job);
        wait_until("the command is gone", || !runs(seconds));
    }
    // One whose token is revoked.
    let token = token(&host, &["compute/instance:*:exec"]);
    let args = ["--token_file", &token, "instance", "exec", "-i", "-t", &instance, "--", "sh", "-i", "-s", "872007"];
    let mut terminal = Terminal::start(host.cli().command(&args).env("TERM", "vt100"));
    terminal.wait_for("# ");
    // There is always more to be sent.
    terminal.write(b"echo flo''od; yes\r");
    terminal.wait_for("flood\r\ny");
    let tokens = host.cli().run(&["token", "list", "-o", "json"], b"").json();
    host.cli().run(&["token", "revoke", "--token_id", tokens[0]["token_id"].as_str().expect("an id")], b"").ok();
    let closed = terminal.close();
    assert!(closed.code == 1 && closed.is_restored && closed.shown.contains("counts no more"), "{}", closed.shown);
    wait_until("its shell is gone", || !runs("872007"));
    let mut terminal = shell(&host, &instance, "872005");
    terminal.write(b"sleep 872004\r");
    wait_until("the command runs", || runs("872004"));
    host.daemon.signal(Signal::SIGTERM);
    let closed = terminal.close();
    assert!(closed.code == 1 && closed.is_restored && closed.shown.contains("is stopping"), "{}", closed.shown);
    host.daemon.wait_stopped();
    assert!(!runs("872004") && !runs("872005"));
    host.launch();
    host.destroy(&instance);
}
