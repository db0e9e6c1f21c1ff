//! The helper and its guard: two processes that outlive the shim's `execve` by a moment.
//!
//! The helper has the text and feeds the runtime. The guard, its parent, has no text; if the helper is killed it takes
//! its place with nothing to say, so that the runtime fails instead of waiting for ever.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid};
use zeroize::Zeroizing;

use super::serve::Delivery;
use super::{DeliverError, sys};
use crate::phase;

/// Starts both; returns when the helper waits for the runtime.
pub(super) fn start(delivery: Delivery, text: Zeroizing<Vec<u8>>) -> Result<(), DeliverError> {
    let pipe = pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(DeliverError::step("make a pipe"))?;
    let (mut reader, writer) = (File::from(pipe.0), File::from(pipe.1));
    match sys::fork_alone().map_err(DeliverError::step("start its helper"))? {
        ForkResult::Child => detach(delivery, text, writer),
        ForkResult::Parent { child } => {
            drop((writer, text));
            // Nobody else must reap it; where SIGCHLD is ignored there is nothing to reap.
            let _ = waitpid(child, None);
            reader.read_exact(&mut [0]).map_err(|_| DeliverError::HelperGone)
        }
    }
}

/// Becomes the guard, by a second fork: the runtime must not find a child that it didn't start.
fn detach(delivery: Delivery, text: Zeroizing<Vec<u8>>, ready: File) -> ! {
    let _ = setsid();
    match sys::fork_alone() {
        Ok(ForkResult::Child) => guard(delivery, text, ready),
        _ => sys::exit_now(0),
    }
}

fn guard(mut delivery: Delivery, text: Zeroizing<Vec<u8>>, ready: File) -> ! {
    let Ok(null) = leave_everything(&delivery, &ready) else { sys::exit_now(1) };
    match sys::fork_alone() {
        Ok(ForkResult::Child) => help(delivery, &text, ready),
        Ok(ForkResult::Parent { child }) => {
            drop((text, ready));
            delivery.let_go_of_fifo(null);
            phase::at("guard");
            if !ended_well(child) {
                delivery.serve_nothing();
            }
            sys::exit_now(0)
        }
        Err(_) => sys::exit_now(1),
    }
}

fn help(mut delivery: Delivery, text: &Zeroizing<Vec<u8>>, mut ready: File) -> ! {
    if ready.write_all(&[1]).is_err() {
        sys::exit_now(1);
    }
    drop(ready);
    phase::at("helper");
    delivery.serve(text);
    sys::exit_now(0)
}

/// Keeps nothing of the engine's: no pipe that it waits on, no directory, no terminal. And no core dump.
fn leave_everything(delivery: &Delivery, ready: &File) -> nix::Result<File> {
    let null = File::options().read(true).write(true).open("/dev/null").map_err(|_| nix::errno::Errno::ENODEV)?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    let [directory, fifo, opens, pidfd] = delivery.descriptors();
    sys::close_all_but(&mut [directory, fifo, opens, pidfd, ready.as_raw_fd(), null.as_raw_fd()]);
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    nix::sys::prctl::set_dumpable(false)?;
    chdir("/").map(|()| null)
}

fn ended_well(child: Pid) -> bool {
    loop {
        match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, status)) => return status == 0,
            Ok(WaitStatus::Signaled(..)) => return false,
            Err(nix::errno::Errno::EINTR) | Ok(_) => {}
            // SIGCHLD may be ignored, and the helper then ends without a status: see for ourselves what is left.
            Err(_) => return false,
        }
    }
}
