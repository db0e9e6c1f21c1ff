//! What reaches the runtime through the shim.
//!
//! Runtimes reset much of what they inherit before a container sees it, so here a script stands in the runtime's place
//! and writes down all that it finds.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use crate::support::bundle::{Bundle, Request};
use crate::support::rig::temporary_folder;
use crate::support::{process, programs};

/// What a caller may have changed for its children.
pub(crate) const SETTINGS: [&str; 6] =
    ["true", "trap '' PIPE", "trap '' HUP USR1", "umask 027", "ulimit -c 0 -n 999", "renice -n 5 $$ >/dev/null"];

#[test]
fn the_runtime_inherits_everything() {
    const PROBE: &str = "#!/bin/sh\n\
        tr '\\0' '\\n' </proc/$$/cmdline\n\
        tr '\\0' '\\n' </proc/$$/environ\n\
        grep -E '^(Umask|Uid|Gid|Groups|NoNew|Seccomp:|Sig[BIC]|Cap|Cpus_allowed:)' /proc/self/status\n\
        cat /proc/self/limits /proc/self/oom_score_adj\n\
        cut -d' ' -f 4-8,19 /proc/$$/stat\n\
        ls -l /proc/$$/fd /proc/$$/cwd >list\n\
        grep -o '[0-9a-z]* -> .*' list\n";
    let folder = temporary_folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("runc"), PROBE).expect("probe");
    fs::set_permissions(path("runc"), Permissions::from_mode(0o755)).expect("probe");
    symlink(programs::shim(), path("ampoule-runc")).expect("link to the shim");
    fs::write(path("shim.yaml"), format!("runtime: {}\nsocket: /absent\n", path("runc").display())).expect("settings");
    fs::write(path("three"), "").expect("file");
    let bundle = Bundle::write(path("bundle"), &Request::new(&["true"]).config(&path("rootfs"), "/none"));
    let bundle_path = bundle.path.to_str().expect("UTF-8");
    let record = |program: &str, setting: &str, args: &[&str]| {
        let script = format!("{setting}; exec 3<three; exec \"$@\"");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &script, "sh"]).arg(path(program)).args(args).current_dir(folder.path()).env_clear();
        shell.envs([("PATH", "/usr/bin:/bin"), ("ODD", "a=b\n")]).env("AMPOULE_SHIM_CONFIG", path("shim.yaml"));
        let ran = process::run(&mut shell, b"").ok();
        // Descriptors without a name differ in their inode number.
        (ran.out().lines().filter(|line| !line.contains("/tmp/#")).map(str::to_owned).collect::<Vec<_>>(), ran.err())
    };
    let process = path("process.json");
    fs::write(&process, r#"{"args":["true"],"env":["A=b"]}"#).expect("process.json");
    let calls: [&[&str]; 7] = [
        &["--log", "l", "exec", "-d", "--process", process.to_str().expect("UTF-8"), "x"],
        &["exec", "x", "true"],
        &["delete", "--force", "x"],
        &["--log", "l", "create", "--bundle", bundle_path, "--preserve-fds=1", "an id"],
        &["run", "-b", bundle_path, "x"],
        &["--root=/x", "state", "", "*"],
        &[],
    ];
    for (args, setting) in calls.iter().flat_map(|args| SETTINGS.map(|setting| (args, setting))) {
        let (shimmed, bare) = (record("ampoule-runc", setting, args), record("runc", setting, args));
        let differ: Vec<_> = shimmed.0.iter().zip(&bare.0).filter(|(shimmed, bare)| shimmed != bare).collect();
        assert!(shimmed == bare, "{setting}: {args:?}: through the shim, without: {differ:#?}");
    }
    let ignored = |setting| record("ampoule-runc", setting, &[]).0.into_iter().find(|line| line.starts_with("SigIgn"));
    assert_ne!(ignored(SETTINGS[0]), ignored(SETTINGS[1]), "an ignored SIGPIPE is seen");
    assert!(bundle.is_pristine() && !path("l").exists(), "nothing is written");
}
