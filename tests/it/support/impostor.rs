//! Another user's process on the daemon's socket.

use std::path::Path;
use std::process::Command;

use super::process::{Job, wait_until};
use super::programs;

/// Not a user of this machine, and not root.
pub(crate) const UID: u32 = 12345;

/// Listens, takes every connection and writes down all that is sent, or answers.
pub(crate) struct Impostor(Job);

/// The kernel tells a client the user who called `listen`.
const SCRIPT: &str = r"
    use Socket;
    my ($path, $uid, $answer) = @ARGV;
    socket(my $listener, PF_UNIX, SOCK_STREAM, 0) or die $!;
    bind($listener, sockaddr_un($path)) or die $!;
    chown $uid, $uid, $path or die $!;
    $> = $uid;
    listen($listener, 5) or die $!;
    while (accept(my $client, $listener)) {
        while (sysread($client, my $bytes, 4096)) {
            syswrite(STDOUT, $bytes);
            if ($answer) { syswrite($client, $answer); last }
        }
    }
";

impl Impostor {
    /// One that only listens.
    pub(crate) fn listen(socket: &Path) -> Self {
        Self::start(socket, UID, "")
    }

    /// One of this user, who says this to everybody and hangs up.
    pub(crate) fn answer(socket: &Path, user: u32, answer: &str) -> Self {
        Self::start(socket, user, answer)
    }

    fn start(socket: &Path, user: u32, answer: &str) -> Self {
        let mut perl = Command::new(programs::system("perl", "perl-base"));
        perl.args(["-e", SCRIPT]).arg(socket).arg(user.to_string());
        perl.arg(answer);
        let job = Job::start(&mut perl, b"", Command::spawn);
        wait_until("the impostor listens", || {
            let sockets = std::fs::read_to_string("/proc/net/unix").expect("/proc/net/unix");
            // The flag of a socket that listens (`__SO_ACCEPTCON`).
            sockets.lines().any(|line| line.ends_with(&*socket.to_string_lossy()) && line.contains(" 00010000 "))
        });
        Self(job)
    }

    /// All that it was told.
    pub(crate) fn heard(mut self) -> Vec<u8> {
        self.0.kill();
        self.0.wait().stdout
    }
}
