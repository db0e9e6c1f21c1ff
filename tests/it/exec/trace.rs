//! Where the value is written to while a process is started, as the kernel saw it.

use std::fs;
use std::process::Command;

use crate::strace::{CALLS, Target, targets};
use crate::support::bundle::Request;
use crate::support::engine::{Bare, Engine, on_every_runtime};
use crate::support::programs;
use crate::support::rig::Rig;
use crate::support::search::Needle;

use super::{NAME, launch, reference, remove};

fn the_value_is_written_to_pipes_and_sockets_alone(rig: &Rig<Bare>) {
    let needle = Needle::random();
    let engine = &rig.engine;
    let secret = rig.daemon.cli().add(needle.value());
    launch(engine, &Request::sleeping().env("A", &reference(&secret)));
    let site = engine.site();
    let process = engine.describe(NAME, &[], &["sh", "-c", "test ${#A} = 45"]);
    let before = fs::read(&process).expect("process.json");
    let described = ["exec", "--process", process.to_str().expect("UTF-8"), NAME];
    let plain = ["exec", NAME, "sh", "-c", "test ${#A} = 45"];
    for args in [&described[..], &plain] {
        let runtime = site.runtime(args);
        let file = site.folder().join("trace");
        let mut strace = Command::new(programs::system("strace", "strace"));
        strace.args(["-f", "-qq", "-yy", "-s", "1000000", "-e", &format!("trace={CALLS}"), "-o"]).arg(&file).arg("--");
        strace.arg(runtime.get_program()).args(runtime.get_args()).current_dir(site.folder()).env_clear();
        strace.envs(runtime.get_envs().filter_map(|(name, value)| Some((name, value?))));
        site.realm.run(&mut strace).ok();
        let trace = fs::read_to_string(&file).expect("trace");
        fs::remove_file(&file).expect("trace");
        let targets = targets(&needle, &trace, process.to_str().expect("UTF-8"));
        assert!(targets.contains(&Target::Channel), "the trace doesn't show the value: {targets:?}");
        let elsewhere: Vec<_> = targets.iter().filter(|target| matches!(target, Target::Elsewhere(_))).collect();
        assert!(elsewhere.is_empty(), "{elsewhere:#?}");
    }
    assert_eq!(fs::read(&process).expect("process.json"), before);
    remove(engine);
}

on_every_runtime!(the_value_is_written_to_pipes_and_sockets_alone);
