//! Container engines behind one trait: the runtimes by themselves, podman with each, also rootless, Docker, containerd
//! and buildah.

mod archive;
mod bare;
mod buildah;
mod containerd;
mod docker;
mod podman;
pub(crate) mod rootless;
mod site;

use std::path::PathBuf;
use std::process::{Command, ExitStatus};

pub(crate) use bare::Bare;
pub(crate) use buildah::Buildah;
pub(crate) use containerd::Containerd;
pub(crate) use docker::Docker;
pub(crate) use podman::Podman;
pub(crate) use site::{Kind, ShimSettings, Site};

use super::bundle::Request;
use super::process::{Job, Ran};

/// The only image there is.
pub(crate) const IMAGE: &str = "localhost/ampoule-test";

/// What every engine can do. Where a result is returned, it is what the engine's user sees.
pub(crate) trait Engine {
    /// Creates, starts, waits for the end and removes; the output is the container's.
    fn run(&self, request: &Request) -> Ran;

    /// The same for a container whose output must not be lost; as standard output, whichever way it came out.
    fn run_printing(&self, request: &Request) -> Ran {
        self.run(request)
    }

    /// The same for a container that prints its environment; as standard output, whichever way it came out.
    fn run_printing_environment(&self, request: &Request) -> Ran {
        self.run(request)
    }

    /// Creates without starting: the runtime has read its configuration and waits. Not every engine can do that apart.
    fn create(&self, id: &str, request: &Request) -> Ran;

    fn start(&self, id: &str) -> Ran;

    /// Runs a program in a running container, with these variables beside the container's own; the output is the
    /// program's. As the engine's user does it: the engine describes the process to the runtime.
    fn exec(&self, id: &str, env: &[(&str, &str)], args: &[&str]) -> Ran {
        self.start_exec(id, env, args).wait()
    }

    /// The same, without waiting for the end.
    fn start_exec(&self, id: &str, env: &[(&str, &str)], args: &[&str]) -> Job;

    /// Kills the container and waits until the runtime knows.
    fn stop(&self, id: &str);

    fn delete(&self, id: &str) -> Ran;

    /// All that the engine tells about a container.
    fn inspect(&self, id: &str) -> Ran;

    /// Has the engine keep and tell of a running container what it can, beside [`inspect`](Self::inspect).
    fn keep(&self, id: &str) -> Vec<Ran> {
        vec![self.inspect(id)]
    }

    /// Whether the engine has a way to hand this request on.
    fn carries(&self, _: &Request) -> bool {
        true
    }

    /// Whether this is how it says that it has none.
    fn does_not_carry(&self, _: &Ran) -> bool {
        false
    }

    /// The exit code of a container that could not be created.
    fn refusal_code(&self) -> i32;

    /// The error that the runtime left in its log, if this engine keeps the log.
    fn logged_errors(&self) -> Option<Vec<serde_json::Value>>;

    /// Whether the environment reaches the container in the order given; podman and Docker keep it in a map.
    fn keeps_order(&self) -> bool;

    /// Whether what wasn't there before the shim added it keeps its order at least; youki has a map too.
    fn keeps_order_of_added(&self) -> bool {
        true
    }

    /// The variables that the engine adds of its own.
    fn adds(&self) -> &'static [&'static str];

    fn site(&self) -> &Site;

    fn site_mut(&mut self) -> &mut Site;
}

/// An engine's own daemon, which hands on the way to the shim's settings, and writes its log into the site's folder.
fn logging_to(site: &Site, name: &str, program: PathBuf) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", r#"exec "$@" 2>>"$0" >&2"#]).arg(site.folder().join(format!("{name}.log"))).arg(program);
    shell.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(site.folder());
    shell.envs(site.shim_config.iter().map(|path| ("AMPOULE_SHIM_CONFIG", path)));
    shell
}

/// What an engine does where it has nothing to do.
fn nothing_done() -> Ran {
    Ran { status: ExitStatus::default(), stdout: Vec::new(), stderr: Vec::new() }
}

/// How Docker and buildah say that they have no annotations.
fn unknown_annotations(ran: &Ran) -> bool {
    ran.code() == 125 && ran.err().contains("unknown flag: --annotation")
}

/// Makes one `#[test]` for each of these functions on each engine. They take a `&Rig`.
///
/// Those after `create_apart:` are for the engines that can create a container without starting it.
macro_rules! on_every_engine {
    ($($case:ident),+ $(,)?) => {
        $crate::support::engine::on_every_engine!($($case),+; create_apart: );
    };
    ($($case:ident),+; create_apart: $($apart:ident),* $(,)?) => {
        $crate::support::engine::on_engine!(runc, $($case,)+ $($apart),*);
        $crate::support::engine::on_engine!(crun, $($case,)+ $($apart),*);
        $crate::support::engine::on_engine!(youki, $($case,)+ $($apart),*);
        $crate::support::engine::on_engine!(podman_runc, $($case,)+ $($apart),*);
        $crate::support::engine::on_engine!(podman_crun, $($case,)+ $($apart),*);
        $crate::support::engine::on_engine!(podman_rootless, $($case,)+ $($apart),*);
        $crate::support::engine::on_engine!(docker, $($case),+);
        $crate::support::engine::on_engine!(containerd, $($case),+);
        $crate::support::engine::on_engine!(buildah, $($case),+);
    };
}

/// The same for what `ampoule run-request` starts containers with.
macro_rules! on_runtimes_and_podman {
    ($($case:ident),+ $(,)?) => {
        $crate::support::engine::on_engine!(runc, $($case),+);
        $crate::support::engine::on_engine!(crun, $($case),+);
        $crate::support::engine::on_engine!(podman_runc, $($case),+);
        $crate::support::engine::on_engine!(podman_crun, $($case),+);
    };
}

/// The same for functions that take a `&mut Rig` of any kind of engine that people use by its own command line.
macro_rules! on_every_front_end {
    ($($case:ident),+ $(,)?) => {
        $crate::support::engine::on_front_end!(podman_crun, $($case),+);
        $crate::support::engine::on_front_end!(podman_rootless, $($case),+);
        $crate::support::engine::on_front_end!(docker, $($case),+);
        $crate::support::engine::on_front_end!(containerd, $($case),+);
        $crate::support::engine::on_front_end!(buildah, $($case),+);
    };
}

macro_rules! on_front_end {
    ($engine:ident, $($case:ident),+) => {
        mod $engine {
            $(#[test]
            fn $case() {
                super::$case(&mut $crate::support::rig::Rig::$engine());
            })+
        }
    };
}

/// The same without podman; they take a `&Rig<Bare>`.
macro_rules! on_every_runtime {
    ($($case:ident),+ $(,)?) => {
        $crate::support::engine::on_engine!(runc, $($case),+);
        $crate::support::engine::on_engine!(crun, $($case),+);
    };
}

/// The same for functions that take a `Kind` and make what they need themselves.
macro_rules! on_each_kind {
    ($($case:ident),+ $(,)?) => {
        mod runc {
            $(#[test]
            fn $case() {
                super::$case($crate::support::engine::Kind::Runc);
            })+
        }
        mod crun {
            $(#[test]
            fn $case() {
                super::$case($crate::support::engine::Kind::Crun);
            })+
        }
    };
}

macro_rules! on_engine {
    ($engine:ident, $($case:ident),+ $(,)?) => {
        mod $engine {
            $(#[test]
            fn $case() {
                super::$case(&$crate::support::rig::Rig::$engine());
            })+
        }
    };
}

pub(crate) use {
    on_each_kind, on_engine, on_every_engine, on_every_front_end, on_every_runtime, on_front_end,
    on_runtimes_and_podman,
};
