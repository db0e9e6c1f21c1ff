//! What the tests share.

pub(crate) mod bundle;
pub(crate) mod caller;
pub(crate) mod cli;
pub(crate) mod console;
pub(crate) mod daemon;
pub(crate) mod engine;
pub(crate) mod foreign;
pub(crate) mod gate;
pub(crate) mod impostor;
pub(crate) mod installed;
pub(crate) mod log;
pub(crate) mod network;
pub(crate) mod process;
pub(crate) mod programs;
pub(crate) mod random;
pub(crate) mod realm;
pub(crate) mod rig;
pub(crate) mod rootfs;
pub(crate) mod rpc;
pub(crate) mod search;
pub(crate) mod streaming;
pub(crate) mod terminal;
pub(crate) mod tmux;
pub(crate) mod transcript;
pub(crate) mod wire;
