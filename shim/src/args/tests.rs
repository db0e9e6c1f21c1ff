use super::*;

fn argv(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn read(line: &str, dialect: Dialect) -> Option<(String, Option<String>)> {
    let args = Args::parse(&argv(line), dialect)?;
    Some((args.bundle().display().to_string(), args.id))
}

fn both(line: &str, bundle: &str, id: &str) {
    for dialect in [Dialect::Go, Dialect::Getopt] {
        assert_eq!(read(line, dialect), Some((bundle.to_owned(), Some(id.to_owned()))), "{line} {dialect:?}");
    }
}

#[test]
fn bundles_that_every_runtime_reads_alike() {
    both("create c1", ".", "c1");
    both("create --bundle /b c1", "/b", "c1");
    both("create --bundle=/b c1", "/b", "c1");
    both("run -b /b --detach c1", "/b", "c1");
    both("create c1 --bundle /b", "/b", "c1");
    both("create --bundle /a --bundle /b c1", "/b", "c1");
    both("create --pid-file /p --console-socket /s --preserve-fds 2 --bundle /b c1", "/b", "c1");
    both("--log /l --log-format=json --root /r --systemd-cgroup create --bundle /b c1", "/b", "c1");
    both("--cgroup-manager disabled --rootless true --criu /criu --debug run c1", ".", "c1");
    both("create --bundle /b create", "/b", "create");
    both("create --bundle /b -- -odd", "/b", "-odd");
}

#[test]
fn spellings_of_runc() {
    for line in ["create -bundle /b c1", "create -bundle=/b c1", "create -b=/b c1", "-log /l create -b /b c1"] {
        assert_eq!(read(line, Dialect::Go), Some(("/b".to_owned(), Some("c1".to_owned()))), "{line}");
    }
}

#[test]
fn spellings_of_crun() {
    for line in ["create --bund /b c1", "create --bu=/b c1", "create -b/b c1", "--ro /r --log-f json create -b /b c1"] {
        assert_eq!(read(line, Dialect::Getopt), Some(("/b".to_owned(), Some("c1".to_owned()))), "{line}");
    }
    assert_eq!(read("create -b=/b c1", Dialect::Getopt), Some(("=/b".to_owned(), Some("c1".to_owned()))));
    let args = Args::parse(&argv("create -f other.json -b /b c1"), Dialect::Getopt).expect("a create");
    assert_eq!(args.config, Some(PathBuf::from("other.json")));
}

#[test]
fn other_commands_are_the_runtimes() {
    for line in
        ["", "--version", "state create", "delete create", "exec create run", "--root create", "--", "-v", "features"]
    {
        for dialect in [Dialect::Go, Dialect::Getopt] {
            assert_eq!(read(line, dialect), None, "{line}");
        }
    }
}

#[test]
fn values_that_are_missing_are_for_the_runtime_to_report() {
    for line in ["create --bundle", "create -b", "create --pid-file", "create"] {
        assert_eq!(read(line, Dialect::Getopt), Some((".".to_owned(), None)), "{line}");
    }
}

#[test]
fn another_bundle_takes_the_place_of_the_given_one() {
    for (line, expected) in [
        ("create c1", "create --bundle /s c1"),
        ("--root /r create --bundle /b c1", "--root /r create --bundle /s c1"),
        ("create --bundle=/b c1", "create --bundle=/s c1"),
        ("create -b/b c1", "create -b/s c1"),
        ("create --bundle /a c1 -b /b", "create --bundle /a c1 -b /s"),
    ] {
        let args = Args::parse(&argv(line), Dialect::Getopt).expect(line);
        assert_eq!(args.with_bundle(OsStr::new("/s")), argv(expected), "{line}");
    }
}

#[test]
fn the_log_of_the_engine() {
    let log = Log::parse(&argv("--root /r --log /l --log-format json create --log /other x"), Dialect::Go);
    assert_eq!(log, Log { file: Some("/l".into()), json: true });
    assert_eq!(Log::parse(&argv("create x"), Dialect::Getopt), Log::default());
    let text = Log::parse(&argv("--log=/l --log-format=text state x"), Dialect::Getopt);
    assert_eq!(text, Log { file: Some("/l".into()), json: false });
}

#[test]
fn garbage_never_panics() {
    let pieces = [
        "-",
        "--",
        "--=",
        "-=",
        "--bundle=",
        "-b",
        "--b",
        "create",
        "run",
        "exec",
        "delete",
        "-p",
        "\u{0}",
        "--log",
        "-bx=",
        "é",
    ];
    for first in pieces {
        for second in pieces {
            for third in pieces {
                let line = [first, second, third].map(OsString::from);
                for dialect in [Dialect::Go, Dialect::Getopt] {
                    Log::parse(&line, dialect);
                    Delete::parse(&line, dialect);
                    if let Some(exec) = Exec::parse(&line, dialect) {
                        exec.with_process(OsStr::new("/p"));
                        exec.with_root(OsStr::new("/r"));
                    }
                    if let Some(args) = Args::parse(&line, dialect) {
                        args.bundle();
                        args.with_bundle(OsStr::new("/s"));
                    }
                }
            }
        }
    }
}

/// The description, the container and how many descriptors are preserved.
fn exec(line: &str, dialect: Dialect) -> (Option<String>, Option<String>, u32) {
    let exec = Exec::parse(&argv(line), dialect).expect(line);
    (exec.process().map(|path| path.display().to_string()), exec.id, exec.preserved)
}

#[test]
fn descriptions_of_processes() {
    let seen = |process: Option<&str>, id: &str| (process.map(str::to_owned), Some(id.to_owned()), 0);
    for line in [
        "exec --process /p c1",
        "exec -p /p c1",
        "exec --process=/p -d c1",
        "exec --process /other --process /p --pid-file /f --cwd / c1 x --process /not",
        "--root /r --log=/l exec -d --console-socket /s -p /p -- c1",
        "exec -e A=B -u 1:1 --tty --process-label L --process /p --cgroup g c1",
    ] {
        for dialect in [Dialect::Go, Dialect::Getopt] {
            assert_eq!(exec(line, dialect), seen(Some("/p"), "c1"), "{line} {dialect:?}");
        }
    }
    for line in ["exec -process=/p c1", "exec -process /p c1", "exec -p=/p c1", "exec -t=false -g 5 -p /p c1"] {
        assert_eq!(exec(line, Dialect::Go), seen(Some("/p"), "c1"), "{line}");
    }
    for line in ["exec -p/p c1", "exec -dp/p c1", "exec -dp /p c1", "exec --proc /p c1", "exec --proc=/p c1"] {
        assert_eq!(exec(line, Dialect::Getopt), seen(Some("/p"), "c1"), "{line}");
    }
    // What stands behind the container's id is the process's own.
    assert_eq!(exec("exec c1 ps -p 1", Dialect::Go), seen(None, "c1"));
    assert_eq!(exec("exec -tp c1 ps", Dialect::Getopt), seen(None, "c1"));
    assert_eq!(exec("exec --preserve-fds 3 c1 x", Dialect::Go), (None, Some("c1".to_owned()), 3));
    assert!(Exec::parse(&argv("create exec"), Dialect::Go).is_none());
    assert_eq!(Exec::parse(&argv("exec"), Dialect::Go).expect("an exec").id, None);
}

#[test]
fn another_description_and_another_root() {
    let changed = |line: &str, dialect| Exec::parse(&argv(line), dialect).expect(line).with_process(OsStr::new("/n"));
    assert_eq!(changed("exec --process /p -d c1", Dialect::Go), argv("exec --process /n -d c1"));
    assert_eq!(changed("exec -p=/p c1", Dialect::Go), argv("exec -p=/n c1"));
    assert_eq!(changed("exec -dp/p c1", Dialect::Getopt), argv("exec -dp/n c1"));
    let rooted = |line: &str| Exec::parse(&argv(line), Dialect::Getopt).expect(line).with_root(OsStr::new("/n"));
    assert_eq!(rooted("--root /r exec c1 x"), argv("--root /r --root /n exec c1 x"));
    assert_eq!(rooted("--log -- exec c1 x"), argv("--log -- --root /n exec c1 x"));
    assert_eq!(rooted("--root /r -- exec c1 x"), argv("--root /r --root /n -- exec c1 x"));
    assert_eq!(Exec::parse(&argv("--root=/r exec c1"), Dialect::Go).expect("an exec").root, Some("/r".into()));
}

#[test]
fn references_on_the_command_line() {
    let named = |line: &str| Exec::parse(&argv(line), Dialect::Getopt).expect(line).reference;
    assert_eq!(named("exec --env A=ampoule://sec_a c1 x").as_deref(), Some("A"));
    assert_eq!(named("exec -eB=ampoule://sec_a -e A=b c1 x").as_deref(), Some("B"));
    assert_eq!(named("exec -e A=b c1 env C=ampoule://sec_a"), None);
}

#[test]
fn what_is_deleted() {
    let seen = |line: &str| {
        let delete = Delete::parse(&argv(line), Dialect::Getopt).expect(line);
        (delete.root.map(|root| root.display().to_string()), delete.id, delete.force)
    };
    assert_eq!(seen("--root /r delete --force c1"), (Some("/r".to_owned()), Some("c1".to_owned()), true));
    assert_eq!(seen("delete c1"), (None, Some("c1".to_owned()), false));
    assert_eq!(seen("delete c1 -f"), (None, Some("c1".to_owned()), true));
    assert_eq!(seen("delete --forc c1"), (None, Some("c1".to_owned()), true));
    assert_eq!(seen("delete"), (None, None, false));
    assert!(Delete::parse(&argv("state delete"), Dialect::Go).is_none());
}

#[test]
fn what_is_written_to_a_disk() {
    let seen = |line: &str, dialect| {
        let found = Checkpoint::parse(&argv(line), dialect)?;
        Some((found.root.map(|root| root.display().to_string()), found.id))
    };
    let c1 = |root: Option<&str>| Some((root.map(str::to_owned), Some("c1".to_owned())));
    for dialect in [Dialect::Go, Dialect::Getopt] {
        assert_eq!(seen("--root /r checkpoint --image-path /i --leave-running c1", dialect), c1(Some("/r")));
        assert_eq!(seen("checkpoint --image-path=/i --work-path /w c1", dialect), c1(None));
        assert_eq!(seen("checkpoint -- c1", dialect), c1(None));
        assert_eq!(seen("checkpointt --image-path /i c1", dialect), c1(None));
        assert_eq!(seen("checkpoint", dialect), Some((None, None)));
        assert_eq!(seen("delete checkpoint", dialect), None);
    }
}
