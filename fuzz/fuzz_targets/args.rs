//! Any command line: whatever is read of it, a changed bundle is the only thing that differs afterwards.
#![no_main]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ampoule_shim::args::{Args, Dialect, Log};
use libfuzzer_sys::fuzz_target;

const OTHER: &str = "/run/ampoule/shadow";

fuzz_target!(|data: &[u8]| {
    let argv: Vec<OsString> = data.split(|byte| *byte == 0).map(|word| OsStr::from_bytes(word).to_owned()).collect();
    for dialect in [Dialect::Go, Dialect::Getopt] {
        let log = Log::parse(&argv, dialect);
        let Some(args) = Args::parse(&argv, dialect) else { continue };
        assert_eq!(args.as_given(), argv);
        let changed = args.with_bundle(OsStr::new(OTHER));
        let again = Args::parse(&changed, dialect).expect("the same command");
        assert_eq!(again.bundle(), Path::new(OTHER), "{changed:?}");
        assert_eq!((&again.id, &again.config), (&args.id, &args.config), "{changed:?}");
        assert_eq!(Log::parse(&changed, dialect), log, "{changed:?}");
    }
});
