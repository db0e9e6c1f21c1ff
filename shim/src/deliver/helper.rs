//! The helper: a process that outlives the shim's `execve` by a moment.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, getpid, pipe2, setsid};
use zeroize::Zeroizing;

use super::guard::Guard;
use super::serve::Delivery;
use super::{DeliverError, sys};
use crate::phase;

/// Starts the helper; returns, when it waits for the runtime, where others can open its FIFO.
pub(super) fn start(delivery: Delivery, text: Zeroizing<Vec<u8>>) -> Result<PathBuf, DeliverError> {
    let pipe = pipe2(OFlag::O_CLOEXEC).map_err(DeliverError::step("make a pipe"))?;
    let (mut reader, writer) = (File::from(pipe.0), File::from(pipe.1));
    match sys::fork_alone().map_err(DeliverError::step("start its helper"))? {
        ForkResult::Child => detach(delivery, &text, writer),
        ForkResult::Parent { child } => {
            drop((writer, text));
            // Nobody else must reap it; where SIGCHLD is ignored there is nothing to reap.
            let _ = waitpid(child, None);
            let mut pid = [0; 4];
            reader.read_exact(&mut pid).map_err(|_| DeliverError::HelperGone)?;
            Ok(delivery.link(Pid::from_raw(i32::from_ne_bytes(pid))))
        }
    }
}

/// Becomes the helper by a second fork: the runtime must not find a child that it didn't start.
fn detach(delivery: Delivery, text: &Zeroizing<Vec<u8>>, ready: File) -> ! {
    let _ = setsid();
    phase::at("detaching");
    match sys::fork_alone() {
        Ok(ForkResult::Child) => help(delivery, text, ready),
        _ => sys::exit_now(0),
    }
}

fn help(delivery: Delivery, text: &Zeroizing<Vec<u8>>, mut ready: File) -> ! {
    phase::at("helper-forked");
    let Ok(guard) = prepare(&delivery, &mut ready) else {
        delivery.restore();
        sys::exit_now(1);
    };
    drop(ready);
    phase::at("helper-waits");
    delivery.serve(text, guard);
    sys::exit_now(0)
}

fn prepare(delivery: &Delivery, ready: &mut File) -> io::Result<Guard> {
    leave_everything(delivery, ready)?;
    let guard = Guard::start(delivery)?;
    ready.write_all(&getpid().as_raw().to_ne_bytes())?;
    Ok(guard)
}

/// Keeps nothing of the engine's: no pipe that it waits on, no directory, no terminal. And no core dump.
fn leave_everything(delivery: &Delivery, ready: &File) -> nix::Result<()> {
    // What stops the engine's whole group must not stop who puts config.json back: it ends with the runtime anyway.
    SigSet::all().thread_block()?;
    let null = File::options().read(true).write(true).open("/dev/null").map_err(|_| Errno::ENODEV)?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    drop(null);
    // Who can't look into a hidden process couldn't open the link either; RLIMIT_CORE still keeps it off the disk.
    set_dumpable(!may_look_into_hidden_processes())?;
    let [directory, fifo, opens, pidfd] = delivery.descriptors();
    sys::close_all_but(&mut [directory, fifo, opens, pidfd, ready.as_raw_fd()]);
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
