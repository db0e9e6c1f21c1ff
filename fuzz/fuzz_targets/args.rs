//! Any command line: whatever is read of it, a changed bundle, description or root is the only thing that differs afterwards.
#![no_main]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ampoule_shim::args::{Args, Delete, Dialect, Exec, Log};
use libfuzzer_sys::fuzz_target;

const OTHER: &str = "/run/ampoule/shadow";

fuzz_target!(|data: &[u8]| {
    let argv: Vec<OsString> = data.split(|byte| *byte == 0).map(|word| OsStr::from_bytes(word).to_owned()).collect();
    for dialect in [Dialect::Go, Dialect::Getopt] {
        let log = Log::parse(&argv, dialect);
        Delete::parse(&argv, dialect);
        if let Some(exec) = Exec::parse(&argv, dialect) {
            check(&exec, dialect);
        }
        let Some(args) = Args::parse(&argv, dialect) else { continue };
        assert_eq!(args.as_given(), argv);
        let changed = args.with_bundle(OsStr::new(OTHER));
        let again = Args::parse(&changed, dialect).expect("the same command");
        assert_eq!(again.bundle(), Path::new(OTHER), "{changed:?}");
        assert_eq!((&again.id, &again.config), (&args.id, &args.config), "{changed:?}");
        assert_eq!(Log::parse(&changed, dialect), log, "{changed:?}");
    }
});

fn check(exec: &Exec, dialect: Dialect) {
    let described = exec.with_process(OsStr::new(OTHER));
    let again = Exec::parse(&described, dialect).expect("the same command");
    assert_eq!(again.process().is_some(), exec.process().is_some(), "{described:?}");
    assert!(again.process().is_none_or(|path| path == Path::new(OTHER)), "{described:?}");
    assert_eq!((&again.id, &again.root, again.preserved), (&exec.id, &exec.root, exec.preserved), "{described:?}");
    let rooted = exec.with_root(OsStr::new(OTHER));
    let again = Exec::parse(&rooted, dialect).expect("the same command");
    assert_eq!(again.root.as_deref(), Some(OsStr::new(OTHER)), "{rooted:?}");
    assert_eq!((&again.id, again.process(), again.preserved), (&exec.id, exec.process(), exec.preserved), "{rooted:?}");
}
