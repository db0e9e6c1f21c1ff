//! The daemon and the command line; everything is in the library.

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

/// Wipes what is freed: libraries keep parts of requests and answers, and so values, in buffers of their own.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> std::process::ExitCode {
    ampoule::cli::main()
}
