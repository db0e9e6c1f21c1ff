//! Places where a test can stop the shim or its helper to kill it.

/// Waits here for as long as a file of this name is in `/run/ampoule-phases`, after telling its process id beside it.
///
/// Only the feature `phases` makes it do anything; a release has no such place.
#[cfg(feature = "phases")]
pub fn at(name: &str) {
    let gate = std::path::Path::new("/run/ampoule-phases").join(name);
    if !gate.exists() {
        return;
    }
    let _ = std::fs::write(gate.with_extension("pid"), std::process::id().to_string());
    while gate.exists() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Does nothing.
#[cfg(not(feature = "phases"))]
#[inline]
pub fn at(_name: &str) {}
