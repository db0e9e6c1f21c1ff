//! System calls that end the process, by seccomp(2).
//!
//! A list of what is forbidden, since one of what is needed would have to follow every change of libc. They are calls
//! that need no privilege and that a vault has no use for: another program, other processes' memory, and parts of
//! the kernel that it never touches. Who tries one of them is not the daemon any more.

use nix::libc::{self, c_long};
use seccompiler::{BpfProgram, Error, SeccompAction, SeccompFilter, TargetArch, sock_filter};

const FORBIDDEN: [c_long; 20] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_chroot,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_personality,
    // It would do what the others do, unseen by this filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
];

/// Ends the process at the first of these calls, in this thread and those that it starts.
pub(super) fn forbid() -> Result<(), Error> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let rules = FORBIDDEN.into_iter().map(|call| (call, Vec::new())).collect();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::KillProcess, architecture)?;
    seccompiler::apply_filter(&BpfProgram::try_from(filter)?)?;
    if architecture == TargetArch::x86_64 {
        seccompiler::apply_filter(&no_second_numbers())?;
    }
    Ok(())
}

/// On x86-64 a kernel may know each call by a second number too, from this one on (the x32 ABI).
fn no_second_numbers() -> BpfProgram {
    const FIRST: u32 = 0x4000_0000;
    // -1 is no call: by it a tracer leaves one out.
    const BEYOND: u32 = 0x8000_0000;
    // Of linux/bpf_common.h: BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JGE | BPF_K, BPF_RET | BPF_K.
    const LOAD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    let jump = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let step = |code, k| jump(code, 0, 0, k);
    vec![
        // The number is the first field of what the filter is given (`struct seccomp_data`).
        step(LOAD, 0),
        jump(JUMP_IF_AT_LEAST, 2, 0, BEYOND),
        jump(JUMP_IF_AT_LEAST, 0, 1, FIRST),
        step(RETURN, SeccompAction::KillProcess.into()),
        step(RETURN, SeccompAction::Allow.into()),
    ]
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use nix::sys::signal::Signal;

    /// The test runs itself again, to be ended by the filter: it takes what follows its own name for another test's.
    #[test]
    fn no_program_is_run_any_more() {
        const INSIDE: &str = "and-is-the-process-that-tries-to";
        if env::args().any(|argument| argument == INSIDE) {
            super::forbid().expect("a filter");
            let error = nix::unistd::execv(c"/bin/true", &[c"true"]);
            panic!("it lives on: {error:?}");
        }
        let name = format!("{}::no_program_is_run_any_more", module_path!().split_once("::").expect("a crate").1);
        let mut again = Command::new(env::current_exe().expect("this test"));
        let ran = again.args(["--exact", &name, INSIDE]).output().expect("started");
        assert_eq!(ran.status.signal(), Some(Signal::SIGSYS as i32), "{}", String::from_utf8_lossy(&ran.stdout));
    }
}
