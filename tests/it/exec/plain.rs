//! `runc exec` and `crun exec` as people call them: the command line describes the process.

use crate::support::bundle::Request;
use crate::support::engine::{Bare, Engine, Kind, on_every_runtime};
use crate::support::rig::Rig;

use super::{NAME, launch, reference, remove};

/// Prints what the options of `exec` change.
const SHOWS: [&str; 3] = [
    "sh",
    "-c",
    "id; pwd; tr '\\0' '\\n' </proc/self/environ; grep -E '^(Cap|NoNew|Groups)' /proc/self/status; ls /proc/self/fd",
];

/// Every option that changes the process, as both runtimes spell it.
const OPTIONS: [&[&str]; 8] = [
    &[],
    &["--cwd", "/tmp"],
    &["--user", "7:8"],
    &["-u", "7"],
    &["--env", "X=1", "-e", "PLAIN=2"],
    &["--env", "A=literal"],
    &["--no-new-privs"],
    &["--preserve-fds", "0", "--cwd=/bin"],
];

fn options_mean_what_they_mean_without_us(rig: &Rig<Bare>) {
    let (cli, engine) = (rig.daemon.cli(), &rig.engine);
    let a = cli.add("alpha");
    launch(engine, &Request::sleeping().env("A", &reference(&a)).env("PLAIN", "plain"));
    cli.set(&a, "rotated");
    let site = engine.site();
    let more: &[&[&str]] = if site.kind == Kind::Runc {
        &[&["--additional-gids", "9", "-g", "10"], &["-cwd", "/tmp"]]
    } else {
        &[&["--cap", "CAP_NET_RAW"], &["-e", "X=1", "-u7"], &["--us=7"]]
    };
    for options in OPTIONS.iter().chain(more) {
        let args = [&["exec"], *options, &[NAME], &SHOWS].concat();
        let bare = site.realm.run(&mut site.bare_runtime(&args));
        let shimmed = engine.command(&args);
        let wanted = bare.out().replace(&reference(&a), "alpha");
        assert_eq!((shimmed.code(), shimmed.out()), (bare.code(), wanted), "{options:?}: {}", shimmed.err());
        let says = |text: String| {
            text.lines()
                .map(|line| line.split_once("level=").map_or(line, |(_, line)| line).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(says(shimmed.err()), says(bare.err()), "{options:?}");
    }
    // What can't be carried is refused, not given as a reference.
    let refused = engine.command(&["exec", "--env", &format!("B={}", reference(&a)), NAME, "true"]);
    assert!(refused.code() != 0 && refused.err().contains("--env B"), "{}", refused.err());
    remove(engine);
}

fn annotations_count_too(rig: &Rig<Bare>) {
    let (cli, engine) = (rig.daemon.cli(), &rig.engine);
    let (a, b) = (cli.add("alpha"), cli.add("beta"));
    let list = serde_json::json!([{"name": "B", "from_secret_id": b}, {"name": "S", "value": "static"}]);
    let request = super::env_vars(&list).annotation("ampoule.dev/env.A", &a).env("A", "old");
    launch(engine, &request);
    for id in [&a, &b] {
        cli.set(id, "rotated");
    }
    let ran = |args: &[&str]| engine.command(args).ok().out();
    assert_eq!(ran(&["exec", NAME, "sh", "-c", "echo $A $B $S"]), "alpha beta static\n");
    // Many at once share what leads the runtime to its text.
    let site = engine.site();
    let start = |_| site.realm.start(&mut site.runtime(&["exec", NAME, "sh", "-c", "echo $A"]), b"");
    let jobs: Vec<_> = (0..50).map(start).collect();
    assert!(jobs.into_iter().all(|job| job.wait().ok().out() == "alpha\n"));
    remove(engine);
    let left = site.realm.outside("/run/ampoule/containers");
    assert!(super::records::names(&left).is_empty());
}

fn descriptors_that_are_preserved(rig: &Rig<Bare>) {
    let engine = &rig.engine;
    let a = rig.daemon.cli().add("alpha");
    launch(engine, &Request::sleeping().env("A", &reference(&a)));
    let site = engine.site();
    let script = "export LISTEN_PID=$$; exec 3</dev/null 4</dev/zero; exec \"$@\"";
    for args in [&["--preserve-fds", "2"][..], &[]] {
        let process = engine.describe(NAME, &[], &["sh", "-c", "ls /proc/self/fd; echo $A"]);
        let args = [&["exec"], args, &["--process", process.to_str().expect("UTF-8"), NAME]].concat();
        let [shimmed, bare] = [site.runtime(&args), site.bare_runtime(&args)].map(|runtime| {
            let mut command = std::process::Command::new("/bin/sh");
            command.args(["-c", script, "sh"]).arg(runtime.get_program()).args(runtime.get_args());
            command.env_clear().envs(runtime.get_envs().filter_map(|(name, value)| Some((name, value?))));
            if args.len() == 4 {
                command.env("LISTEN_FDS", "2");
            }
            site.realm.run(&mut command).ok().out()
        });
        assert_eq!(shimmed, bare.replace(&reference(&a), "alpha"), "{args:?}");
        // Those of a socket unit runc gives to no process but the first. The last is the one that `ls` reads by.
        let preserved = args.len() > 4 || site.kind == Kind::Crun;
        assert_eq!(shimmed.contains("3\n4\n5\n"), preserved, "{args:?}: {shimmed}");
    }
    remove(engine);
}

/// What isn't a file can be read once only.
fn a_description_from_a_pipe(rig: &Rig<Bare>) {
    let engine = &rig.engine;
    let a = rig.daemon.cli().add("alpha");
    let site = engine.site();
    for request in [Request::sleeping(), Request::sleeping().env("A", &reference(&a))] {
        launch(engine, &request);
        let process =
            std::fs::read(engine.describe(NAME, &[("B", "b")], &["sh", "-c", "echo $A$B"])).expect("process.json");
        let mut shell = std::process::Command::new("/bin/sh");
        let runtime = site.runtime(&["exec", "--process", "/dev/fd/9", NAME]);
        // A file as standard input becomes a pipe.
        shell.args(["-c", "cat | { exec 9<&0; exec \"$@\" </dev/null; }", "sh"]);
        shell.arg(runtime.get_program()).args(runtime.get_args()).env_clear();
        shell.envs(runtime.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let ran = site.realm.start(&mut shell, &process).wait().ok();
        assert_eq!(ran.out(), if request.env.iter().any(|(name, _)| name == "A") { "alphab\n" } else { "b\n" });
        remove(engine);
    }
}

on_every_runtime!(
    options_mean_what_they_mean_without_us,
    annotations_count_too,
    descriptors_that_are_preserved,
    a_description_from_a_pipe,
);
