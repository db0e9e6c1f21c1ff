//! The versions of other people's programs.

use std::path::Path;
use std::process::{Command, Stdio};

use super::Check;

/// What the tests were seen to pass with: each program's oldest and newest, by major and minor number.
const TESTED: [(&str, Version, Version); 6] = [
    ("podman", (4, 3), (5, 4)),
    ("docker", (20, 10), (26, 1)),
    ("containerd", (1, 6), (1, 7)),
    ("buildah", (1, 28), (1, 39)),
    ("runc", (1, 1), (1, 1)),
    ("crun", (1, 8), (1, 21)),
];

type Version = (u32, u32);

/// What a program says when it is asked for its version: standard output, or standard error if it fails.
pub(super) fn ask(program: &Path) -> Result<String, String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Compares what a program said with what is known to work.
pub(super) fn judge(name: &str, program: &Path, said: &str) -> Check {
    let place = program.display();
    let Some((text, version)) = find(said) else {
        let message = format!("{place} does not say its version");
        return Check::warn(name, message, "See that it works by itself.");
    };
    let found = format!("{text}, {place}");
    match TESTED.iter().find(|(tested, ..)| *tested == name) {
        Some((_, oldest, _)) if version < *oldest => {
            let message = format!("{found}: older than {}.{}, the oldest that was tested", oldest.0, oldest.1);
            Check::warn(name, message, "Update it.")
        }
        Some((_, _, newest)) if version > *newest => {
            let message = format!("{found}: newer than {}.{}, the newest that was tested", newest.0, newest.1);
            Check::warn(name, message, "Try a container before you rely on it.")
        }
        _ => Check::ok(name, found),
    }
}

/// The first version in a text: numbers with dots between them.
fn find(text: &str) -> Option<(&str, Version)> {
    let is_part = |c: char| c.is_ascii_digit() || c == '.';
    let mut words = text.split(|c: char| !is_part(c)).filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    words.find_map(|word| {
        let mut numbers = word.split('.').map(str::parse);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some((word, (major, minor)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_programs_say_them() {
        for (said, expected) in [
            ("podman version 4.3.1", Some(("4.3.1", (4, 3)))),
            ("Docker version 20.10.24+dfsg1, build 5d6db84", Some(("20.10.24", (20, 10)))),
            ("containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3", Some(("1.6.20", (1, 6)))),
            ("runc version 1.1.5+ds1", Some(("1.1.5", (1, 1)))),
            ("nothing", None),
        ] {
            assert_eq!(find(said), expected);
        }
    }
}
