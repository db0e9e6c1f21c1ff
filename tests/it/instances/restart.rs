//! Instances outlive the daemon that made them.

use nix::sys::signal::Signal;
use serde_json::json;

use super::{Host, IMAGE, Json, id, printing};
use crate::support::process::wait_until;

#[test]
fn a_daemon_that_was_killed_finds_its_instances_again() {
    let mut host = Host::new();
    let secret = host.cli().add("alpha");
    let kept = id(&host.run(&printing("A", &secret)));
    let mut soon = json!({"containers": [{"name": "soon", "image_ref": IMAGE, "args": ["sleep", "1000"]}]});
    soon["deadline"] = json!((jiff::Timestamp::now() + jiff::SignedDuration::from_secs(5)).to_string());
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

#[test]
fn a_daemon_that_is_killed_while_it_makes_instances_leaves_nothing() {
    let mut host = Host::new();
    let secret = host.cli().add("alpha");
    for round in 0..6 {
        let made = host.create(&printing("A", &secret), &[]).json();
        // Each round a little further on its way.
        std::thread::sleep(std::time::Duration::from_millis(60 * round));
        host.daemon.kill();
        host.launch();
        let id = id(&made);
        wait_until("it is decided", || matches!(host.describe(&id)["status"].as_str(), Some("RUNNING" | "ERROR")));
        host.destroy(&id);
        wait_until("nothing is left", || host.containers().is_empty());
    }
}
