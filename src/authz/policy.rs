//! Which rights the processes of this host have.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Permission, Rights};
use crate::domain::Peer;

/// Root and the user that the daemon runs as may do everything; others what the settings say of their user or group.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    daemon_uid: u32,
    users: BTreeMap<u32, Vec<Permission>>,
    groups: BTreeMap<u32, Vec<Permission>>,
}

impl Policy {
    /// The policy of a daemon that runs as this user, without further grants.
    pub fn new(daemon_uid: u32) -> Self {
        Self { daemon_uid, ..Self::default() }
    }

    /// The same with permissions for users and groups.
    #[must_use]
    pub fn with_grants(self, users: BTreeMap<u32, Vec<Permission>>, groups: BTreeMap<u32, Vec<Permission>>) -> Self {
        Self { users, groups, ..self }
    }

    /// What a process may do.
    pub fn rights_of(&self, peer: Peer) -> Arc<Rights> {
        if peer.uid == 0 || peer.uid == self.daemon_uid {
            return Arc::new(Rights::All);
        }
        let of_user = self.users.get(&peer.uid).into_iter().flatten();
        let of_group = self.groups.get(&peer.gid).into_iter().flatten();
        Arc::new(Rights::Permitted(of_user.chain(of_group).cloned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(uid: u32, gid: u32) -> Peer {
        Peer { uid, gid, pid: None }
    }

    #[test]
    fn root_and_the_daemons_user_may_and_others_may_not() {
        let policy = Policy::new(1000);
        for (uid, rights) in [(0, Rights::All), (1000, Rights::All), (1001, Rights::NONE), (u32::MAX, Rights::NONE)] {
            assert_eq!(*policy.rights_of(peer(uid, uid)), rights, "{uid}");
        }
    }

    #[test]
    fn grants_of_the_settings_add_up() {
        let permission = |verb| Permission::parse("vault/object", "*", [verb]).expect("parses");
        let policy = Policy::new(1000)
            .with_grants([(7, vec![permission("list")])].into(), [(8, vec![permission("inject")])].into());
        for (uid, gid, expected) in
            [(7, 9, vec!["list"]), (9, 8, vec!["inject"]), (7, 8, vec!["list", "inject"]), (8, 7, vec![])]
        {
            let expected = Rights::Permitted(expected.into_iter().map(permission).collect());
            assert_eq!(*policy.rights_of(peer(uid, gid)), expected, "{uid} {gid}");
        }
    }
}
