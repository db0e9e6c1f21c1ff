//! How a process is told from another one that gets its id later: by when it started.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

/// When a process started, in clock ticks since the machine did (proc(5), field 22 of `/proc/pid/stat`); nothing if it has
/// ended and was not waited for.
///
/// Fails if there is none of this id, or none that this process may see.
pub fn started(pid: i32) -> io::Result<Option<u64>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (state, started) = parse(&stat).ok_or(io::ErrorKind::InvalidData)?;
    Ok((!matches!(state, "Z" | "X")).then_some(started))
}

/// The namespace that this process's ids of processes are of, by its inode.
pub fn namespace() -> io::Result<u64> {
    fs::metadata("/proc/self/ns/pid").map(|namespace| namespace.ino())
}

/// The state and the start.
fn parse(stat: &str) -> Option<(&str, u64)> {
    // A program's name may hold anything, a bracket too.
    let (_, tail) = stat.rsplit_once(')')?;
    let mut fields = tail.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?.parse().ok()?;
    Some((state, started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel() {
        let line = |state| {
            format!("7 (a) b (c)) {state} 1 7 7 0 -1 4194560 141 0 0 0 0 0 0 0 20 0 1 0 54321 2 3 18446744073709551615")
        };
        assert_eq!(parse(&line("S")), Some(("S", 54321)));
        assert_eq!(parse(&line("Z")), Some(("Z", 54321)));
        for broken in ["", "7 (a", "7 (a) S 1", "7 (a) S 1 7 7 0 -1 1 1 0 0 0 0 0 0 0 20 0 1 0 x"] {
            assert_eq!(parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn this_process_is_told_from_its_parent() {
        let own = i32::try_from(std::process::id()).expect("an id");
        assert!(started(own).expect("there").is_some());
        assert!(started(i32::MAX).is_err());
        assert!(namespace().is_ok());
    }
}
