//! The daemon dies, comes back or stays away while a container is created.

mod engines;

use std::fs;

use nix::sys::signal::Signal;

use crate::refusal::refused;
use crate::support::bundle::Request;
use crate::support::engine::{Bare, Engine, Kind, on_each_kind};
use crate::support::impostor::{self, Impostor};
use crate::support::process::{Job, wait_until};
use crate::support::rig::Rig;

fn asking<E: Engine + ?Sized>(rig: &Rig<E>) -> Request {
    let secret = rig.daemon.cli().add("alpha");
    Request::printing_environment().env("A", &format!("ampoule://{secret}"))
}

/// Starts a container whose shim is calling the daemon when this returns.
fn start_calling(rig: &Rig<Bare>, request: &Request) -> Job {
    let bundle = rig.engine.bundle("called", request);
    let site = rig.engine.site();
    let path = bundle.path.to_str().expect("UTF-8");
    let job = site.realm.start(&mut site.runtime(&["run", "--bundle", path, "called"]), b"");
    let files = format!("/proc/{}/fd", job.pid());
    wait_until("the shim has connected", || {
        fs::read_dir(&files)
            .expect("the shim lives")
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:")))
    });
    job
}

fn a_daemon_that_dies_mid_call_and_comes_back_is_asked_again(kind: Kind) {
    let mut rig = Rig::patient(kind);
    let request = asking(&rig);
    rig.daemon.signal(Signal::SIGSTOP);
    let job = start_calling(&rig, &request);
    rig.daemon.kill();
    rig.daemon.launch();
    let ran = job.wait().ok();
    assert!(ran.out().contains("A=alpha\0"), "{}", ran.out());
    rig.daemon.wait_ready();
}

fn a_daemon_that_comes_within_the_deadline_is_waited_for(kind: Kind) {
    let mut rig = Rig::patient(kind);
    let request = asking(&rig);
    rig.daemon.kill();
    let bundle = rig.engine.bundle("early", &request);
    let path = bundle.path.to_str().expect("UTF-8");
    let site = rig.engine.site();
    let job = site.realm.start(&mut site.runtime(&["run", "--bundle", path, "early"]), b"");
    // Whether it has already tried in vain once or not: both ways it must succeed.
    std::thread::sleep(std::time::Duration::from_millis(300));
    rig.daemon.launch();
    let ran = job.wait().ok();
    assert!(ran.out().contains("A=alpha\0"), "{}", ran.out());
    rig.daemon.wait_ready();
}

fn an_absent_daemon_is_named_in_the_error(kind: Kind) {
    let mut rig = Rig::impatient(kind);
    let request = asking(&rig);
    let socket = rig.daemon.socket();
    let settings = rig.engine.site().folder().join("shim.yaml");
    let named = [socket.to_str().expect("UTF-8"), "ampoule serve", settings.to_str().expect("UTF-8")];
    rig.daemon.kill();
    refused(&rig, "a socket without a daemon", &request, &named);
    fs::remove_file(&socket).expect("socket");
    refused(&rig, "no socket", &request, &named);
}

fn a_daemon_that_dies_mid_call_and_stays_away(kind: Kind) {
    let mut rig = Rig::impatient(kind);
    let request = asking(&rig);
    rig.daemon.signal(Signal::SIGSTOP);
    let job = start_calling(&rig, &request);
    rig.daemon.kill();
    let ran = job.wait();
    assert_eq!(ran.code(), 1);
    assert!(ran.err().contains(rig.daemon.socket().to_str().expect("UTF-8")), "{}", ran.err());
    assert!(rig.engine.site().containers().is_empty());
}

/// More than the socket holds: the rest is still to be sent when nobody is there any more.
fn a_daemon_that_dies_in_the_middle_of_a_request(kind: Kind) {
    let mut rig = Rig::impatient(kind);
    let secret = rig.daemon.cli().add("alpha");
    let name = |number: usize| format!("A{number}_{}", "X".repeat(500));
    let request = (0..1000).fold(Request::printing_environment(), |request, number| {
        request.env(&name(number), &format!("ampoule://{secret}"))
    });
    rig.daemon.signal(Signal::SIGSTOP);
    let job = start_calling(&rig, &request);
    wait_until("the shim waits for the daemon", || sleeps(job.pid()));
    rig.daemon.kill();
    let ran = job.wait();
    assert_eq!(ran.code(), 1, "{}", ran.err());
    assert!(ran.err().contains(rig.daemon.socket().to_str().expect("UTF-8")), "{}", ran.err());
    assert!(rig.engine.site().containers().is_empty());
}

fn sleeps(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the shim lives");
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" S"))
}

fn a_daemon_that_does_not_answer(kind: Kind) {
    let rig = Rig::impatient(kind);
    let request = asking(&rig);
    rig.daemon.signal(Signal::SIGSTOP);
    refused(&rig, "a daemon that hangs", &request, &[rig.daemon.socket().to_str().expect("UTF-8")]);
}

fn a_socket_of_somebody_else_is_not_asked(kind: Kind) {
    let mut rig = Rig::patient(kind);
    let request = asking(&rig);
    let socket = rig.daemon.socket();
    rig.daemon.kill();
    fs::remove_file(&socket).expect("socket");
    let impostor = Impostor::listen(&socket);
    refused(&rig, "another owner", &request, &[socket.to_str().expect("UTF-8"), &impostor::UID.to_string()]);
    assert!(impostor.heard().is_empty(), "somebody else was asked");
}

on_each_kind!(
    a_daemon_that_dies_mid_call_and_comes_back_is_asked_again,
    a_daemon_that_comes_within_the_deadline_is_waited_for,
    an_absent_daemon_is_named_in_the_error,
    a_daemon_that_dies_mid_call_and_stays_away,
    a_daemon_that_dies_in_the_middle_of_a_request,
    a_daemon_that_does_not_answer,
    a_socket_of_somebody_else_is_not_asked,
);
