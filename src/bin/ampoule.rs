//! The daemon and the command line; everything is in the library.

fn main() -> std::process::ExitCode {
    ampoule::cli::main()
}
