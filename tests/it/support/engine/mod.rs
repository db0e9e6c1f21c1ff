//! Container engines behind one trait: the runtimes by themselves, and podman with each.

mod bare;
mod podman;
mod site;

pub(crate) use bare::Bare;
pub(crate) use podman::{IMAGE, Podman};
pub(crate) use site::{Kind, ShimSettings, Site};

use super::bundle::Request;
use super::process::Ran;

/// What every engine can do. Where a result is returned, it is what the engine's user sees.
pub(crate) trait Engine {
    /// Creates, starts, waits for the end and removes; the output is the container's.
    fn run(&self, request: &Request) -> Ran;

    /// The same for a container that prints its environment; as standard output, whichever way it came out.
    fn run_printing_environment(&self, request: &Request) -> Ran {
        self.run(request)
    }

    /// Creates without starting: the runtime has read its configuration and waits.
    fn create(&self, id: &str, request: &Request) -> Ran;

    fn start(&self, id: &str) -> Ran;

    /// Kills the container and waits until the runtime knows.
    fn stop(&self, id: &str);

    fn delete(&self, id: &str) -> Ran;

    /// All that the engine tells about a container.
    fn inspect(&self, id: &str) -> Ran;

    /// The exit code of a container that could not be created.
    fn refusal_code(&self) -> i32;

    /// The error that the runtime left in its log, if this engine keeps the log.
    fn logged_errors(&self) -> Option<Vec<serde_json::Value>>;

    /// Whether the environment reaches the container in the order given; podman keeps it in a map.
    fn keeps_order(&self) -> bool;

    /// Whether what wasn't there before the shim added it keeps its order at least; youki has a map too.
    fn keeps_order_of_added(&self) -> bool {
        true
    }

    /// The variables that the engine adds of its own.
    fn adds(&self) -> &'static [&'static str];

    fn site(&self) -> &Site;
}

/// Makes one `#[test]` for each of these functions on each engine. They take a `&Rig`.
macro_rules! on_every_engine {
    ($($case:ident),+ $(,)?) => {
        $crate::support::engine::on_engine!(runc, $($case),+);
        $crate::support::engine::on_engine!(crun, $($case),+);
        $crate::support::engine::on_engine!(youki, $($case),+);
        $crate::support::engine::on_engine!(podman_runc, $($case),+);
        $crate::support::engine::on_engine!(podman_crun, $($case),+);
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
    ($engine:ident, $($case:ident),+) => {
        mod $engine {
            $(#[test]
            fn $case() {
                super::$case(&$crate::support::rig::Rig::$engine());
            })+
        }
    };
}

pub(crate) use {on_each_kind, on_engine, on_every_engine, on_every_runtime};
