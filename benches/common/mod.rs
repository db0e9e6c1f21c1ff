//! What the benchmarks share beyond the tests' support.
#![allow(dead_code, reason = "each benchmark uses its part")]

pub(crate) mod connection;
pub(crate) mod postgres;

use std::path::PathBuf;

/// The shim as it is released; the glibc build beside this benchmark is another program.
#[allow(clippy::disallowed_methods, reason = "where the shim is the one thing that a caller of the benchmark sets")]
pub(crate) fn released_shim() -> PathBuf {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let built =
        || PathBuf::from(env!("CARGO_BIN_EXE_ampoule")).with_file_name(format!("../{target}/shim/ampoule-shim"));
    let path = std::env::var_os("AMPOULE_BENCH_SHIM").map_or_else(built, PathBuf::from);
    let path = path.canonicalize().unwrap_or(path);
    assert!(
        path.is_file(),
        "{} is missing: `cargo build -p ampoule-shim --profile shim --target {target}`, or set AMPOULE_BENCH_SHIM",
        path.display()
    );
    path
}

/// Measurements, in order of size.
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    /// Sorts them; there must be one at least.
    pub(crate) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        assert!(!sorted.is_empty(), "nothing was measured");
        sorted.sort_unstable_by(f64::total_cmp);
        Self(sorted)
    }

    /// The smallest measurement that so many percent of them don't exceed (nearest rank).
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        self.0[(self.0.len() * percent).div_ceil(100).saturating_sub(1)]
    }

    /// The one in the middle.
    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }
}
