//! The same as people meet it: what `podman run`, `docker run`, `ctr run` and `buildah run` show them.

use std::fs;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::asking;
use crate::refusal::refused;
use crate::support::engine::{Engine, on_every_front_end};
use crate::support::impostor::Impostor;
use crate::support::rig::Rig;

fn a_daemon_that_gives_nothing_is_named_in_the_error<E: Engine + 'static>(rig: &mut Rig<E>) {
    rig.engine.site_mut().set_deadline("1s");
    let request = asking(rig);
    let socket = rig.daemon.socket();
    let user = rig.engine.site().user;
    let place = socket.to_str().expect("UTF-8");

    rig.daemon.signal(Signal::SIGSTOP);
    refused(rig, "the deadline is hit", &request, &[place, "in time", "deadline"]);
    rig.daemon.kill();
    refused(rig, "the daemon is down", &request, &[place, "ampoule serve"]);

    for (garbage, named) in
        [("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ngarbage", "no Ampoule daemon"), ("garbage\r\n\r\n", "hung up")]
    {
        fs::remove_file(&socket).expect("socket");
        let _impostor = Impostor::answer(&socket, user, garbage);
        refused(rig, "garbage", &request, &[place, named]);
    }

    // Nothing is left that would be in the way.
    fs::remove_file(&socket).expect("socket");
    rig.daemon.launch();
    rig.daemon.wait_ready();
    let ran = rig.engine.run_printing_environment(&request).ok();
    assert!(ran.out().contains("A=alpha\0"), "{}", ran.out());
}

fn a_daemon_that_comes_back_or_is_slow_is_waited_for<E: Engine>(rig: &mut Rig<E>) {
    let request = asking(rig);
    let (daemon, engine) = (&mut rig.daemon, &rig.engine);
    daemon.kill();
    let ran = thread::scope(|scope| {
        // Whether the shim has already tried in vain or not: both ways it must succeed.
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(700));
            daemon.launch();
        });
        engine.run_printing_environment(&request).ok()
    });
    assert!(ran.out().contains("A=alpha\0"), "restarting: {}", ran.out());
    daemon.wait_ready();

    daemon.signal(Signal::SIGSTOP);
    let daemon = &*daemon;
    let ran = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_secs(5));
            daemon.signal(Signal::SIGCONT);
        });
        engine.run_printing_environment(&request).ok()
    });
    assert!(ran.out().contains("A=alpha\0"), "slow: {}", ran.out());
}

on_every_front_end!(
    a_daemon_that_gives_nothing_is_named_in_the_error,
    a_daemon_that_comes_back_or_is_slow_is_waited_for,
);
