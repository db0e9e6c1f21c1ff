//! What podman does with a container that has files: exec, restart, commit, its own secrets, its other options.

use std::fs;
use std::process::Command;

use super::{asking, let_everybody_pass, script};
use crate::support::bundle::Request;
use crate::support::engine::{Engine, Podman};
use crate::support::process::Ran;
use crate::support::rig::Rig;
use crate::support::search::Needle;

/// Runs a script that reads its files to its end, with options of podman's.
fn run(rig: &Rig<Podman>, options: &[&str], request: &Request) -> Ran {
    rig.engine.launch(&[&["run", "--rm"], options].concat(), request)
}

fn exec_and_restart(rig: &Rig<Podman>) {
    let cli = rig.daemon.cli();
    let id = cli.add("first");
    rig.engine.launch(&["run", "--detach", "--name", "kept"], &asking(Request::sleeping(), "A", &id)).ok();
    let read = || rig.engine.call(&["exec", "kept", "cat", "/run/secrets/A"]).ok().out();
    assert_eq!(read(), "first");
    cli.set(&id, "second");
    assert_eq!(read(), "first", "a container keeps what it was created with");
    rig.engine.call(&["restart", "--time", "0", "kept"]).ok();
    assert_eq!(read(), "second");
    rig.engine.delete("kept").ok();
}

fn commit_and_export_have_no_value(rig: &Rig<Podman>) {
    let needle = Needle::random();
    let id = rig.daemon.cli().add(needle.value());
    rig.engine.launch(&["run", "--detach", "--name", "kept"], &asking(Request::sleeping(), "A", &id)).ok();
    let archive = rig.engine.site().folder().join("archive.tar");
    let archive = archive.to_str().expect("UTF-8");
    rig.engine.call(&["export", "--output", archive, "kept"]).ok();
    rig.engine.call(&["commit", "--quiet", "kept", "localhost/copy"]).ok();
    rig.engine.call(&["generate", "kube", "kept"]).ok();
    let found = needle.search(rig.engine.site().folder());
    assert!(found.is_empty(), "{found:?}");
    rig.engine.delete("kept").ok();
}

fn beside_its_own_secrets(rig: &Rig<Podman>) {
    let id = rig.daemon.cli().add("alpha");
    let theirs = rig.engine.site().folder().join("theirs");
    fs::write(&theirs, "theirs ").expect("file");
    rig.engine.call(&["secret", "create", "T", theirs.to_str().expect("UTF-8")]).ok();
    let cat = asking(script("cat /run/secrets/*"), "A", &id);
    assert_eq!(run(rig, &["--secret", "T"], &cat).ok().out(), "alphatheirs ");
    let taken = run(rig, &["--secret", "T,target=A"], &cat);
    assert!(taken.code() == 126 && taken.err().contains("ampoule.dev/file.A"), "{}", taken.err());
}

fn with_other_options(rig: &Rig<Podman>) {
    let_everybody_pass(rig.engine.site());
    let id = rig.daemon.cli().add("alpha");
    let cat = asking(script("cat /run/secrets/A"), "A", &id);
    for options in [
        &["--read-only"][..],
        &["--read-only", "--read-only-tmpfs=false"],
        &["--tmpfs", "/run"],
        &["--cap-drop", "all"],
        &["--privileged"],
        &["--userns", "host"],
    ] {
        let ran = run(rig, options, &cat);
        assert_eq!((ran.code(), ran.out().as_str()), (0, "alpha"), "{options:?}: {}", ran.err());
    }
}

/// What is mounted below a shared volume still comes to the container and from it.
fn shared_volumes_stay_shared(rig: &Rig<Podman>) {
    let id = rig.daemon.cli().add("alpha");
    let realm = &rig.engine.site().realm;
    let sh = |text: &str| realm.run(Command::new("sh").args(["-c", text]));
    sh("mount --make-rshared / && mkdir -p /run/volume/in /run/volume/out").ok();
    let options = ["run", "--detach", "--name", "kept", "--privileged", "--volume", "/run/volume:/volume:rshared"];
    let text = "mount -t tmpfs inner /volume/out; touch /volume/out/inner; sleep 1000";
    rig.engine.launch(&options, &asking(script(text), "A", &id)).ok();
    let wait = |text: &str| crate::support::process::wait_until(text, || sh(text).status.success());
    wait("test -e /run/volume/out/inner");
    sh("mount -t tmpfs outer /run/volume/in && touch /run/volume/in/outer").ok();
    rig.engine.call(&["exec", "kept", "ls", "/volume/in/outer", "/run/secrets/A"]).ok();
    rig.engine.delete("kept").ok();
}

/// There a file would come to the host, and stay.
fn no_file_is_on_a_shared_volume(rig: &Rig<Podman>) {
    let needle = Needle::random();
    let id = rig.daemon.cli().add(needle.value());
    let realm = &rig.engine.site().realm;
    realm.run(Command::new("sh").args(["-c", "mount --make-rshared / && mkdir -p /run/volume"])).ok();
    let options = ["run", "--rm", "--privileged", "--volume", "/run/volume:/volume:rshared"];
    let request = asking(script("cat /volume/A"), "A", &id).annotation("ampoule.dev/file.A.path", "/volume/A");
    let ran = rig.engine.launch(&options, &request);
    assert_eq!(ran.code(), rig.engine.refusal_code(), "{}", ran.out());
    assert!(ran.err().contains("ampoule.dev/file.A.path") && ran.err().contains("/volume/A"), "{}", ran.err());
    assert!(needle.search(&realm.outside("/run/volume")).is_empty());
}

macro_rules! on_podman {
    ($($case:ident),+ $(,)?) => {
        crate::support::engine::on_engine!(podman_runc, $($case),+);
        crate::support::engine::on_engine!(podman_crun, $($case),+);
    };
}

on_podman!(
    exec_and_restart,
    commit_and_export_have_no_value,
    beside_its_own_secrets,
    with_other_options,
    no_file_is_on_a_shared_volume,
    shared_volumes_stay_shared,
);
