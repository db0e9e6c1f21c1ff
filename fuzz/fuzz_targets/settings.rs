//! Any text as a settings file: it is refused, or the settings make sense. Neither takes long or much memory.
#![no_main]

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use ampoule::config::{Environment, Flags, RootKeySettings, Settings};
use ampoule_shim::config as shim;
use libfuzzer_sys::fuzz_target;

/// Without a name, so that nothing is left of it however this process ends.
static FILE: LazyLock<File> = LazyLock::new(|| tempfile::tempfile_in("/dev/shm").expect("a file"));

fuzz_target!(|text: &str| {
    FILE.set_len(0).expect("empty");
    FILE.write_all_at(text.as_bytes(), 0).expect("written");
    let path = PathBuf::from(format!("/proc/self/fd/{}", FILE.as_raw_fd()));
    let named = [("AMPOULE_CONFIG", path.to_str().expect("UTF-8"))];
    match Settings::load(&Environment::new(named, 0), &Flags::default()) {
        Ok(settings) => {
            assert!(settings.state_dir.is_absolute() && settings.socket.is_absolute());
            let (RootKeySettings::Keyfile { path: file } | RootKeySettings::Passphrase { file }) = settings.root_key;
            assert!(file.is_none_or(|file| file.is_absolute()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    match shim::Settings::load(&shim::Environment { config: Some(path), ..shim::Environment::default() }) {
        Ok(settings) => {
            assert!(settings.socket.is_absolute());
            assert!(settings.deadline > Duration::ZERO && settings.deadline <= Duration::from_secs(3600));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
