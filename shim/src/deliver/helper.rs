//! The helper: a process that outlives the shim's `execve` by a moment.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, chdir, dup2_stderr, dup2_stdin, dup2_stdout, getpid, pipe2, setsid};
use zeroize::Zeroizing;

use super::guard::Guard;
use super::pipes::Pipes;
use super::serve::Delivery;
use super::{DeliverError, pipes, sys};
use crate::phase;

/// A helper that is ready, and held until this is closed.
pub(super) struct Helper {
    link: PathBuf,
    /// Closed on exec: before that this process could pass for the runtime.
    _grip: OwnedFd,
}

impl Helper {
    /// Where others can open its pipe.
    pub(super) fn link(&self) -> &Path {
        &self.link
    }
}

/// The helper's ends of its pipes to the shim.
struct Ends {
    /// Takes the helper's pid and the descriptor to link to, when it is ready; or [`NOBODY`] and why it has no pipe.
    ready: File,
    /// Ends when the shim has become the runtime.
    held: File,
}

/// What a helper that has no pipe says instead of its pid.
const NOBODY: i32 = 0;

/// Starts the helper; returns when it waits for the runtime.
pub(super) fn start(delivery: Delivery, text: Zeroizing<Vec<u8>>) -> Result<Helper, DeliverError> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(DeliverError::step("make a pipe"));
    let ((reader, ready), (held, grip)) = (pipe()?, pipe()?);
    let mut reader = File::from(reader);
    let ends = Ends { ready: ready.into(), held: held.into() };
    match sys::fork_alone().map_err(DeliverError::step("start its helper"))? {
        ForkResult::Child => detach(delivery, &text, ends),
        ForkResult::Parent { child } => {
            drop((ends, text));
            // Nobody else must reap it; where SIGCHLD is ignored there is nothing to reap.
            let _ = waitpid(child, None);
            let (mut pid, mut descriptor) = ([0; 4], [0; 4]);
            let told = reader.read_exact(&mut pid).and_then(|()| reader.read_exact(&mut descriptor));
            told.map_err(|_| DeliverError::HelperGone)?;
            match (i32::from_ne_bytes(pid), i32::from_ne_bytes(descriptor)) {
                (NOBODY, errno) => Err(DeliverError::Helper { errno: Errno::from_raw(errno) }),
                (pid, descriptor) => Ok(Helper { link: pipes::link(pid, descriptor), _grip: grip }),
            }
        }
    }
}

/// Becomes the helper by a second fork: the runtime must not find a child that it didn't start.
fn detach(delivery: Delivery, text: &Zeroizing<Vec<u8>>, ends: Ends) -> ! {
    let _ = setsid();
    phase::at("detaching");
    match sys::fork_alone() {
        Ok(ForkResult::Child) => help(delivery, text, ends),
        _ => sys::exit_now(0),
    }
}

fn help(delivery: Delivery, text: &Zeroizing<Vec<u8>>, mut ends: Ends) -> ! {
    phase::at("helper-forked");
    let Ok((mut pipes, guard)) = prepare(&delivery, text.len(), &mut ends) else {
        delivery.restore();
        sys::exit_now(1);
    };
    drop(ends.ready);
    phase::at("helper-waits");
    // So that there is one when it has to be quick: who comes first may be a stranger, with the runtime close behind.
    let _ = pipes.make();
    // No byte comes, just the end.
    let _ = ends.held.read(&mut [0]);
    delivery.serve(pipes, text, guard);
    sys::exit_now(0)
}

fn prepare(delivery: &Delivery, length: usize, ends: &mut Ends) -> nix::Result<(Pipes, Guard)> {
    leave_everything(delivery, ends)?;
    // Before the pipes, of which a guard must hold nothing.
    let guard = Guard::start(delivery)?;
    // From here on the shim goes on as well, and the runtime must not be there first.
    sys::go_first();
    let made = Pipes::new(length, || delivery.may_wait());
    let (pid, what) =
        made.as_ref().map_or_else(|&errno| (NOBODY, errno as i32), |made| (getpid().as_raw(), made.door()));
    let told = [pid.to_ne_bytes(), what.to_ne_bytes()];
    // If that fails the shim has gone.
    ends.ready.write_all(told.as_flattened()).map_err(|_| Errno::EPIPE)?;
    Ok((made?, guard))
}

/// Keeps nothing of the engine's: no pipe that it waits on, no directory, no terminal. And no core dump.
fn leave_everything(delivery: &Delivery, ends: &Ends) -> nix::Result<()> {
    // What stops the engine's whole group must not stop who puts config.json back: it ends with the runtime anyway.
    SigSet::all().thread_block()?;
    let null = File::options().read(true).write(true).open("/dev/null").map_err(|_| Errno::ENODEV)?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    drop(null);
    // Who can't look into a hidden process couldn't open the link either; RLIMIT_CORE still keeps it off the disk.
    set_dumpable(!may_look_into_hidden_processes())?;
    let [directory, lock, runtime] = delivery.descriptors();
    sys::close_all_but(&mut [directory, lock, runtime, ends.ready.as_raw_fd(), ends.held.as_raw_fd()]);
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    chdir("/")
}

/// Whether this process, and so the runtime, has `CAP_SYS_PTRACE` (proc(5), `/proc/pid/fd`).
fn may_look_into_hidden_processes() -> bool {
    const CAP_SYS_PTRACE: u64 = 1 << 19;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    bits.is_some_and(|bits| bits & CAP_SYS_PTRACE != 0)
}
