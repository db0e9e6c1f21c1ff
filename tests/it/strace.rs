//! Where the value is written to while a container is created, as the kernel saw it.

use std::collections::HashSet;
use std::fs;
use std::process::Command;

use crate::support::bundle::Request;
use crate::support::engine::{Bare, Engine, on_every_runtime};
use crate::support::programs;
use crate::support::rig::Rig;
use crate::support::search::Needle;

/// The calls that take data to a file, and those that make or open one.
pub(crate) const CALLS: &str = "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,splice,tee,vmsplice,sendfile,\
    copy_file_range,mknod,mknodat,open,openat,openat2,memfd_create,ptrace,process_vm_writev";

/// Where one call wrote the value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A pipe that somebody opened as if it were a file: the delivery.
    Delivery,
    /// Another pipe or a socket: the way to the container's init.
    Channel,
    /// Anything else: the call.
    Elsewhere(String),
}

/// The calls of a trace (`strace -f -yy`) that carry the value, by what they wrote to.
///
/// The pipe of the delivery has no name, but it is opened by the name of `config.json`, which leads to it. Whatever is
/// opened in the bundle for writing is reported too.
pub(crate) fn targets(needle: &Needle, trace: &str, bundle: &str) -> Vec<Target> {
    let mut opened_pipes = HashSet::new();
    let mut found = Vec::new();
    for line in trace.lines() {
        let call = line.split_once(' ').unwrap_or_default().1.trim_start();
        let elsewhere = || Target::Elsewhere(call.replace(needle.value(), "VALUE").chars().take(300).collect());
        if call.starts_with("open") || call.starts_with("<... open") {
            let writable = ["O_RDWR", "O_WRONLY", "O_CREAT"].iter().any(|flag| call.contains(flag));
            let opened = call.rsplit_once(" = ").and_then(|(_, result)| result.split_once('<'));
            match opened.map(|(_, file)| file.trim_end_matches('>')) {
                Some(pipe) if pipe.starts_with("pipe:") => {
                    opened_pipes.insert(pipe);
                }
                Some(path) if writable && path.starts_with(bundle) => found.push(elsewhere()),
                _ => {}
            }
        } else if needle.is_in(call.as_bytes()) {
            let file = call.split_once('<').unwrap_or_default().1;
            let is_channel = ["pipe:", "UNIX", "socket:", "NETLINK"].iter().any(|kind| file.starts_with(kind));
            found.push(match file.split_once('>') {
                Some((pipe, _)) if opened_pipes.contains(pipe) => Target::Delivery,
                _ if is_channel => Target::Channel,
                _ => elsewhere(),
            });
        }
    }
    found
}

fn the_value_is_written_to_the_pipe_and_to_init_alone(rig: &Rig<Bare>) {
    let needle = Needle::random();
    let secret = rig.daemon.cli().add(needle.value());
    let bundle = rig.engine.bundle("traced", &Request::printing_environment().env("A", &format!("ampoule://{secret}")));
    let site = rig.engine.site();
    let path = bundle.path.to_str().expect("UTF-8");
    let runtime = site.runtime(&["create", "--bundle", path, "traced"]);
    let file = site.folder().join("trace");
    let mut strace = Command::new(programs::system("strace", "strace"));
    strace.args(["-f", "-qq", "-yy", "-s", "1000000", "-e", &format!("trace={CALLS}"), "-o"]).arg(&file).arg("--");
    strace.arg(runtime.get_program()).args(runtime.get_args()).current_dir(site.folder()).env_clear();
    strace.envs(runtime.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // strace ends when the last process does that it follows, and one of them is the container's.
    let job = site.realm.start(&mut strace, b"");
    crate::support::process::wait_until("the container is created", || rig.engine.status("traced") == "created");
    rig.engine.delete("traced").ok();
    job.wait();
    let targets = targets(&needle, &fs::read_to_string(&file).expect("trace"), path);
    assert!(targets.contains(&Target::Delivery), "the trace doesn't show the delivery: {targets:?}");
    let elsewhere: Vec<_> = targets.iter().filter(|target| matches!(target, Target::Elsewhere(_))).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

on_every_runtime!(the_value_is_written_to_the_pipe_and_to_init_alone);

#[test]
fn a_write_to_a_file_is_noticed() {
    let needle = Needle::random();
    let value = needle.value();
    let trace = format!(
        "10 openat(3</b>, \"config.json\", O_RDONLY|O_CLOEXEC) = 5<pipe:[3]>\n\
         11 write(6<pipe:[3]>, \"{{{value}\", 50) = 50\n\
         11 write(5</b/config.json>, \"{{{value}\", 50) = 50\n\
         12 openat(AT_FDCWD</>, \"/b/config.json\", O_WRONLY) = 5</b/config.json>\n\
         12 openat(AT_FDCWD</>, \"/b/config.json\", O_RDONLY) = 5</b/config.json>\n\
         12 write(3<UNIX-STREAM:[1->2]>, \"{value}\", 45 <unfinished ...>\n\
         12 sendto(3<pipe:[7]>, \"{value}\", 45, 0, NULL, 0) = 45\n\
         12 pwrite64(5</run/crun/x/config.json>, \"a{value}\", 46, 0) = 46\n\
         12 write(1</dev/null<char 1:3>>, \"other\", 5) = 5\n"
    );
    let seen = targets(&needle, &trace, "/b");
    let is_elsewhere = |target: &Target, part: &str| matches!(target, Target::Elsewhere(call) if call.contains(part) && !call.contains(value));
    assert_eq!(seen.len(), 6);
    assert_eq!(seen[0], Target::Delivery);
    assert!(is_elsewhere(&seen[1], "write(5</b/config.json>"));
    assert!(is_elsewhere(&seen[2], "O_WRONLY"));
    assert_eq!(seen[3..5], [Target::Channel, Target::Channel]);
    assert!(is_elsewhere(&seen[5], "/run/crun"));
}
