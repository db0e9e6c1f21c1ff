//! The runtime shim; everything is in the library.

#![no_main]
// For the one attribute below, which exports a symbol; there is no unsafe code here.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int};

/// The C entry point, because Rust's own start-up would change what the runtime inherits: it ignores SIGPIPE and opens
/// `/dev/null` on closed standard descriptors.
#[unsafe(no_mangle)]
extern "C" fn main(_argc: c_int, _argv: *const *const c_char) -> c_int {
    ampoule_shim::main()
}
