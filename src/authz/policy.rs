//! The decision, and the proof that it was made.

use std::fmt;

use super::Action;
use crate::domain::Caller;

/// Proof that a caller may do something. Nothing outside this module can make one, and every use case needs one.
pub struct Grant {
    caller: Caller,
    action: Action,
}

impl Grant {
    /// Who may.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What.
    pub fn action(&self) -> Action {
        self.action
    }
}

/// Who may do what on this daemon: root and the user that the daemon runs as may do everything, nobody else anything.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    daemon_uid: u32,
}

impl Policy {
    /// The policy of a daemon that runs as this user.
    pub fn new(daemon_uid: u32) -> Self {
        Self { daemon_uid }
    }

    /// Decides.
    pub fn decide(&self, caller: &Caller, action: Action) -> Result<Grant, Denied> {
        let Caller::Peer(peer) = caller;
        if peer.uid == 0 || peer.uid == self.daemon_uid {
            Ok(Grant { caller: caller.clone(), action })
        } else {
            Err(Denied { uid: peer.uid })
        }
    }
}

/// The caller may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    uid: u32,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {} may not use this vault: call as root or as the user that the daemon runs as", self.uid)
    }
}

impl std::error::Error for Denied {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Peer;

    #[test]
    fn root_and_the_daemons_user_may_and_others_may_not() {
        let policy = Policy::new(1000);
        for (uid, allowed) in [(0, true), (1000, true), (1001, false), (u32::MAX, false)] {
            let caller = Caller::Peer(Peer { uid, gid: uid, pid: None });
            assert_eq!(policy.decide(&caller, Action::Inject).is_ok(), allowed, "{uid}");
        }
    }
}
