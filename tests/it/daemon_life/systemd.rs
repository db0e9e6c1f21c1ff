//! The daemon under systemd: readiness (`sd_notify`(3)) and socket activation (`sd_listen_fds`(3)).

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Home, Notices, Running, connect};
use crate::support::process::{self, Job, wait_until};
use crate::support::wire::{Client, Protocol};

#[test]
fn readiness_is_told_once_it_is_true() {
    let home = Home::new();
    let notices = Notices::listen(home.folder());
    let mut command = home.command();
    let job = Job::start(command.env("NOTIFY_SOCKET", notices.path()), b"", Command::spawn);
    let daemon = Running { job, socket: home.socket() };
    assert_eq!(notices.next(), "READY=1");
    home.client().add("alpha");
    daemon.stop();
    assert_eq!(notices.next(), "STOPPING=1");
}

#[test]
fn a_daemon_that_cannot_start_is_never_ready() {
    let home = Home::new();
    let notices = Notices::listen(home.folder());
    fs::create_dir(home.paths.state()).expect("state");
    fs::set_permissions(home.paths.state(), Permissions::from_mode(0o777)).expect("mode");
    let ran = process::run(home.command().env("NOTIFY_SOCKET", notices.path()), b"");
    assert_eq!(ran.code(), 1, "{}", ran.err());
    notices.0.set_nonblocking(true).expect("nonblocking");
    assert!(notices.0.recv(&mut [0; 16]).is_err(), "systemd was told something");
}

/// A listener as systemd makes it, before anybody has asked for anything.
fn listen(path: &Path) -> OwnedFd {
    let listener = UnixListener::bind(path).expect("bound");
    fs::set_permissions(path, Permissions::from_mode(0o600)).expect("mode");
    listener.into()
}

/// Starts the daemon with a socket as its descriptor 3, meant for this process.
fn activate(home: &Home, socket: &OwnedFd, pid: &str) -> Job {
    let daemon = home.command();
    let script = format!("exec 3<&0 </dev/null; export LISTEN_FDS=1 LISTEN_PID={pid}; exec \"$@\"");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script, "sh"]).arg(daemon.get_program()).args(daemon.get_args()).env_clear();
    shell.envs(daemon.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let socket = socket.try_clone().expect("descriptor");
    Job::start(&mut shell, b"", |shell| shell.stdin(Stdio::from(socket)).spawn())
}

/// Asks for a list before anybody listens; the stream that the answer will come on.
fn ask(path: &Path) -> UnixStream {
    let mut stream = connect(path).expect("systemd listens");
    let request = "POST /namespace.cloud.vault.v1beta.VaultService/ListObjects HTTP/1.1\r\nhost: localhost\r\n\
                   content-type: application/json\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes()).expect("sent");
    stream
}

fn answer(mut stream: UnixStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    answer
}

#[test]
fn a_socket_of_systemds_is_served_and_left_to_it() {
    let home = Home::new();
    let path = home.folder().join("systemd.sock");
    let socket = listen(&path);
    let client = Client::new(&path, Protocol::ConnectJson);
    let mut made = Vec::new();
    for _ in 0..2 {
        let asked = ask(&path);
        let daemon = Running { job: activate(&home, &socket, "$$"), socket: path.clone() };
        let answer = answer(asked);
        assert!(made.iter().all(|id: &String| answer.contains(id.as_str())), "{answer}");
        made.push(client.add("alpha"));
        assert!(!home.socket().exists(), "it made a socket of its own too");
        daemon.stop();
        let left = fs::metadata(&path).expect("systemd's socket is still there");
        assert_eq!(left.permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_socket_for_another_process_is_not_taken() {
    let home = Home::new();
    let path = home.folder().join("systemd.sock");
    let socket = listen(&path);
    let daemon = Running { job: activate(&home, &socket, "1"), socket: home.socket() };
    wait_until("the daemon's own socket answers", || UnixStream::connect(home.socket()).is_ok());
    home.client().add("alpha");
    let asked = ask(&path);
    daemon.stop();
    drop(socket);
    let mut bytes = Vec::new();
    assert!((&asked).read_to_end(&mut bytes).is_err() && bytes.is_empty(), "it answered on the other's socket");
}

#[test]
fn a_socket_of_another_kind_is_refused() {
    let home = Home::new();
    let tcp = TcpListener::bind("127.0.0.1:0").expect("bound");
    let ran = activate(&home, &tcp.into(), "$$").wait();
    assert_eq!(ran.code(), 1, "{}", ran.err());
    assert!(ran.err().contains("systemd") && ran.err().contains("ListenStream"), "{}", ran.err());
    assert!(!home.socket().exists());
}
