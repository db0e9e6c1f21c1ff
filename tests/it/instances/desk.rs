//! A day's work in a devbox, at a terminal.

use std::fs;
use std::os::unix::fs::symlink;

use super::{Host, IMAGE};
use crate::support::programs;
use crate::support::rig::temporary_folder;
use crate::support::tmux::Tmux;

#[test]
fn a_day_in_a_devbox() {
    let host = Host::new();
    let secret = host.cli().add("ghp_alpha");
    let folder = temporary_folder();
    let path = |name: &str| folder.path().join(name).display().to_string();
    symlink(programs::ampoule(), path("devbox")).expect("a link");
    let spec =
        format!("name: box\nimage: {IMAGE}\nsize: M\nenv:\n  - name: GITHUB_TOKEN\n    from_secret_id: {secret}\n");
    fs::write(path("devbox.yaml"), spec).expect("written");
    fs::write(path("notes"), "from here\n").expect("written");
    let tmux = Tmux::start(folder.path(), &host.cli().command(&[]));
    tmux.line(&format!("cd {}; PATH=$PATH:$PWD", folder.path().display()));
    tmux.line("devbox create --from devbox.yaml && echo ma''de");
    tmux.wait_for("made");
    tmux.line("devbox upload notes box:/workspaces; clear; devbox ssh box");
    tmux.wait_for("# ");
    tmux.line("clear; cat notes; tty; stty size; echo it is $GITHUB_TOKEN");
    tmux.wait_for("it is ghp_alpha");
    let screen = tmux.screen();
    assert!(screen.contains("from here") && screen.contains("/dev/pts/") && screen.contains("30 100"), "{screen}");
    // The editor has the whole screen.
    tmux.line("vi program");
    tmux.wait_for("1/1 100%");
    tmux.key("i");
    tmux.line("echo edited in the box");
    tmux.key("Escape");
    // Until then it waits for the rest of a key.
    tmux.wait_for("- program [Modified]");
    tmux.line(":wq");
    tmux.line("clear; echo be''gun; sleep 1000");
    tmux.wait_for("begun");
    tmux.key("C-c");
    // What is typed before the prompt is back is thrown away with the rest.
    tmux.wait_for("/workspaces #");
    tmux.line("sh program; pwd");
    tmux.wait_for("edited in the box\n/workspaces\n");
    tmux.line("exit 3");
    tmux.wait_for("here> ");
    tmux.line("echo code $?");
    tmux.wait_for("code 3");
    tmux.line("clear; devbox stop box && devbox start box && echo aga''in");
    tmux.wait_for("again");
    tmux.line("clear; devbox ssh box");
    tmux.wait_for("# ");
    tmux.line("clear; sh program; echo still $GITHUB_TOKEN");
    tmux.wait_for("edited in the box\nstill ghp_alpha");
    tmux.key("C-d");
    tmux.wait_for("here> ");
    tmux.line(
        "clear; devbox download box:/workspaces/program . && cat program && devbox expire box --force && echo go''ne",
    );
    tmux.wait_for("gone");
    assert!(tmux.screen().contains("echo edited in the box"), "{}", tmux.screen());
    assert_eq!(host.containers(), [""; 0]);
}
