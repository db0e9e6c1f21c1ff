//! What podman starts in a container by itself, and what its user has of a failure.

use crate::support::bundle::Request;
use crate::support::engine::{Engine, Podman};
use crate::support::rig::Rig;

use super::{NAME, reference};

fn a_health_check_has_the_values(rig: &Rig<Podman>) {
    let cli = rig.daemon.cli();
    let (a, b) = (cli.add("alpha"), cli.add("beta"));
    let request = Request::sleeping().annotation("ampoule.dev/env.B", &b).env("A", &reference(&a));
    let check = "test \"$A-$B\" = alpha-beta";
    let options = ["run", "--detach", "--name", NAME, "--health-interval", "disable", "--health-cmd", check];
    rig.engine.launch(&options, &request).ok();
    for id in [&a, &b] {
        cli.set(id, "rotated");
    }
    rig.engine.call(&["healthcheck", "run", NAME]).ok();
    assert_eq!(cli.entries("vault.object.inject_exec").len(), 2);
    rig.engine.delete(NAME).ok();
}

fn a_process_in_the_background_and_one_with_a_terminal(rig: &Rig<Podman>) {
    let a = rig.daemon.cli().add("alpha");
    rig.engine.launch(&["run", "--detach", "--name", NAME], &Request::sleeping().env("A", &reference(&a))).ok();
    rig.engine.call(&["exec", "--detach", NAME, "sh", "-c", "echo $A >/tmp/new && mv /tmp/new /tmp/seen"]).ok();
    let waited = rig.engine.call(&["exec", NAME, "sh", "-c", "until cat /tmp/seen 2>&-; do sleep 0.01; done"]);
    assert_eq!(waited.ok().out(), "alpha\n");
    let terminal = rig.engine.call(&[
        "exec",
        "--tty",
        "--workdir",
        "/tmp",
        "--user",
        "7",
        NAME,
        "sh",
        "-c",
        "id -u; pwd; echo $A",
    ]);
    assert_eq!(terminal.ok().out().replace('\r', ""), "7\n/tmp\nalpha\n");
    rig.engine.delete(NAME).ok();
}

crate::support::engine::on_engine!(
    podman_runc,
    a_health_check_has_the_values,
    a_process_in_the_background_and_one_with_a_terminal
);
crate::support::engine::on_engine!(
    podman_crun,
    a_health_check_has_the_values,
    a_process_in_the_background_and_one_with_a_terminal
);
