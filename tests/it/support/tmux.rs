//! A person in front of tmux(1): a terminal whose whole screen can be looked at.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::process::{self, Ran};
use super::programs;

/// Far more than anything needs that is waited for here.
const HANG: Duration = Duration::from_mins(1);

/// A tmux of the test's own, with one pane; ended when it is dropped.
pub(crate) struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    /// One with a shell in it, which has this command's environment.
    pub(crate) fn start(folder: &Path, of: &Command) -> Self {
        let tmux = Self { socket: folder.join("tmux.sock") };
        let mut command = tmux.command();
        command.envs(of.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PS1", "here> ");
        command.args(["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "/bin/sh"]);
        process::run(&mut command, b"").ok();
        tmux.line("PS1='he''re> '; clear");
        tmux.wait_for("here> ");
        tmux
    }

    /// Types a line.
    pub(crate) fn line(&self, text: &str) {
        self.call(&["send-keys", "-l", text]).ok();
        self.key("Enter");
    }

    /// Presses a key by its name, such as `Escape` and `C-c`.
    pub(crate) fn key(&self, name: &str) {
        self.call(&["send-keys", name]).ok();
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        self.call(&["capture-pane", "-p"]).ok().out()
    }

    /// Waits until this is on the screen, whose lines have no spaces at their ends.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let started = Instant::now();
        while !self.screen().contains(text.trim_end()) {
            assert!(started.elapsed() < HANG, "waited in vain for \"{text}\": {}", self.screen());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn call(&self, args: &[&str]) -> Ran {
        process::run(self.command().args(args), b"")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(programs::system("tmux", "tmux"));
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("TERM", "xterm").env("LANG", "C.UTF-8");
        command.arg("-S").arg(&self.socket);
        command
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command().arg("kill-server").output();
    }
}
