//! Who asks.

/// The authenticated origin of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A process on this host, known by the kernel's word (`SO_PEERCRED`, unix(7)).
    Peer(Peer),
}

/// The credentials of a process at the moment it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Process id, if the kernel could tell it in our namespace.
    pub pid: Option<i32>,
}
