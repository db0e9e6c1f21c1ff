//! Whose containers these are.
//!
//! A rootless engine calls its runtime as root of a user namespace in which that user is root: there the effective user
//! says nothing, and the map of the namespace does.

use std::fs;
use std::path::PathBuf;

use nix::unistd::{Uid, User, geteuid};

/// The user of the host for whom this process runs: 0 for root's own containers.
pub fn of_process() -> u32 {
    let euid = geteuid().as_raw();
    if euid != 0 {
        return euid;
    }
    owner(&fs::read_to_string("/proc/self/uid_map").unwrap_or_default())
}

/// The home that the system's users have on record.
pub fn home(uid: u32) -> Option<PathBuf> {
    User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.dir)
}

/// Who is root of a user namespace with this map (`user_namespaces(7)`).
///
/// A single user who is root there is that user under another name. Where root is the first of many users, as in the
/// namespace of a whole system, root is the administrator of all that is in there.
fn owner(uid_map: &str) -> u32 {
    let numbers = |line: &str| {
        let mut numbers = line.split_whitespace().map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    let root = uid_map.lines().filter_map(numbers).find(|(inside, ..)| *inside == 0);
    root.filter(|(_, _, count)| *count == 1).map_or(0, |(_, outside, _)| outside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_of_the_host() {
        assert_eq!(owner("         0          0 4294967295\n"), 0);
        assert_eq!(owner(""), 0);
    }

    #[test]
    fn a_user_with_a_namespace() {
        assert_eq!(owner("         0       1000          1\n         1     100000      65536\n"), 1000);
        assert_eq!(owner("0 1000 1"), 1000);
    }

    #[test]
    fn root_of_a_system_in_a_namespace() {
        assert_eq!(owner("         0     100000      65536\n"), 0);
    }
}
