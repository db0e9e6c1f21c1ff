//! The code map of ARCHITECTURE.md: what it names is there, and what is there it names.

/// Files that the map need not name: a crate's root and what only tests are built with.
const UNNAMED: [&str; 2] = ["src/lib.rs", "/tests.rs"];

/// What a path from the root begins with.
const ROOTS: [&str; 9] = ["src/", "shim/", "proto/", "tests/", "benches/", "fuzz/", "fixtures/", "scripts/", "docs/"];

/// What is wrong with the map of these files.
pub(super) fn faults(text: &str, files: &[String], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let named = named(text);
    let gone = named
        .iter()
        .filter(|path| !exists(path))
        .map(|path| format!("ARCHITECTURE.md names {path}, which is not there"));
    let unnamed = files.iter().filter(|file| !UNNAMED.iter().any(|end| file.ends_with(end)) && !is_shown(file, &named));
    gone.chain(unnamed.map(|file| format!("ARCHITECTURE.md does not name {file}, nor a folder of it"))).collect()
}

/// Whether a file is named, or a folder of it below `src/`.
fn is_shown(file: &str, named: &[&str]) -> bool {
    named.iter().any(|path| *path == file || path.ends_with('/') && !path.ends_with("src/") && file.starts_with(path))
}

/// The paths from the root among the code spans.
fn named(text: &str) -> Vec<&str> {
    let spans = text.split('`').skip(1).step_by(2);
    spans
        .filter(|span| ROOTS.iter().any(|root| span.starts_with(root)) && !span.contains(char::is_whitespace))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let files = ["src/lib.rs", "src/vault/mod.rs", "src/seal/tests.rs", "shim/src/args.rs"].map(str::to_owned);
        faults(text, &files, |path| path == "src/" || files.iter().any(|file| file.starts_with(path)))
    }

    #[test]
    fn a_map_that_is_right() {
        assert!(shown("- `src/`: `src/vault/` and `shim/src/args.rs`, `domain ← authz`, `/proc/PID/fd/N`").is_empty());
    }

    #[test]
    fn what_the_map_leaves_out_and_what_it_invents() {
        let faults = shown("```\n src/\n```\n- `src/`, `shim/src/` and `src/valut/` and `shim/src/args.rs`.");
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("src/valut/, which is not there"), "{faults:?}");
        assert!(faults[1].contains("does not name src/vault/mod.rs"), "{faults:?}");
    }
}
