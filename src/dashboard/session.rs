//! Who is signed in. Sessions are in memory alone: with the daemon all end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::authz::{Rights, TokenHash};
use crate::domain::{ActorId, Peer, SecretBytes, TokenId};

/// Without a click.
const IDLE: Duration = Duration::from_mins(15);
/// From the sign-in.
const LONGEST: Duration = Duration::from_hours(12);
/// How many there are at most; one more ends the one that was idle for longest.
const MOST: usize = 1024;
/// How many values that could not be stored are kept, and how long.
const DRAFTS: usize = 4;
const DRAFT_LIFE: Duration = Duration::from_mins(10);

/// As whom somebody is signed in.
#[derive(Clone)]
pub(super) enum Who {
    /// The holder of a token, which is looked up anew with each request.
    Token { id: TokenId, hash: TokenHash },
    /// A user of this host.
    Local { peer: Peer, rights: Arc<Rights> },
}

/// A session's name: the hash of what the browser has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

/// What a request learns of its session.
#[derive(Clone)]
pub(super) struct Signed {
    pub(super) key: Key,
    pub(super) who: Who,
    /// What each form of this session must bring along.
    pub(super) csrf: String,
}

struct Session {
    who: Who,
    csrf: String,
    secure: bool,
    since: Instant,
    seen: Instant,
    drafts: Vec<Draft>,
}

struct Draft {
    name: String,
    value: SecretBytes,
    at: Instant,
}

/// All of them.
#[derive(Default)]
pub(super) struct Sessions {
    all: Arc<Mutex<HashMap<Key, Session>>>,
}

impl Who {
    /// Whom the log will remember.
    pub(super) fn actor(&self) -> ActorId {
        match self {
            Self::Token { id, .. } => ActorId::Token(id.clone()),
            Self::Local { peer, .. } => ActorId::User(peer.uid),
        }
    }
}

impl Key {
    fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }
}

/// 256 random bits as text.
pub(super) fn random() -> Option<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether two texts are the same, in a time that tells nothing of where they differ.
pub(super) fn same(one: &str, other: &str) -> bool {
    Key::of(one) == Key::of(other)
}

impl Sessions {
    /// Begins one, under a name that nobody can have known before; what the browser keeps.
    pub(super) fn begin(&self, who: Who, secure: bool) -> Option<String> {
        let (secret, csrf, now) = (random()?, random()?, Instant::now());
        let mut all = self.all();
        all.retain(|_, session| session.lives(now));
        if all.len() >= MOST
            && let Some(oldest) = all.iter().min_by_key(|(_, session)| session.seen).map(|(key, _)| *key)
        {
            all.remove(&oldest);
        }
        let session = Session { who, csrf, secure, since: now, seen: now, drafts: Vec::new() };
        all.insert(Key::of(&secret), session);
        Some(secret)
    }

    /// The session of what a browser shows, if it counts; if somebody is there, it is idle no more.
    pub(super) fn find(&self, secret: &str, secure: bool, somebody: bool) -> Option<Signed> {
        self.find_at(secret, secure, somebody, Instant::now())
    }

    fn find_at(&self, secret: &str, secure: bool, somebody: bool, now: Instant) -> Option<Signed> {
        let (key, mut all) = (Key::of(secret), self.all());
        let session = all.get_mut(&key).filter(|session| session.secure == secure)?;
        if !session.lives(now) {
            all.remove(&key);
            return None;
        }
        if somebody {
            session.seen = now;
        }
        Some(Signed { key, who: session.who.clone(), csrf: session.csrf.clone() })
    }

    /// Ends one.
    pub(super) fn end(&self, key: Key) {
        self.all().remove(&key);
    }

    /// Ends all of somebody's.
    pub(super) fn end_all_of(&self, actor: &ActorId) {
        self.all().retain(|_, session| session.who.actor() != *actor);
    }

    /// How many somebody has.
    pub(super) fn count_of(&self, actor: &ActorId) -> usize {
        let now = Instant::now();
        self.all().values().filter(|session| session.lives(now) && session.who.actor() == *actor).count()
    }

    /// Keeps a value that could not be stored, for the next attempt; what to ask for it by.
    pub(super) fn keep_draft(&self, key: Key, value: SecretBytes) -> Option<String> {
        let (name, at) = (random()?, Instant::now());
        let mut all = self.all();
        let drafts = &mut all.get_mut(&key)?.drafts;
        drafts.retain(|draft| at.duration_since(draft.at) < DRAFT_LIFE);
        if drafts.len() >= DRAFTS {
            drafts.remove(0);
        }
        drafts.push(Draft { name: name.clone(), value, at });
        Some(name)
    }

    /// Forgets by itself what is kept now, when its time is over, and sessions that have ended.
    pub(super) fn forget_in_time(&self) {
        let all = Arc::downgrade(&self.all);
        tokio::spawn(async move {
            tokio::time::sleep(DRAFT_LIFE).await;
            if let Some(all) = all.upgrade() {
                forget(&mut all.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
            }
        });
    }

    /// Gives a kept value back, once.
    pub(super) fn take_draft(&self, key: Key, name: &str) -> Option<SecretBytes> {
        let mut all = self.all();
        let drafts = &mut all.get_mut(&key)?.drafts;
        let place = drafts.iter().position(|draft| draft.name == name && draft.at.elapsed() < DRAFT_LIFE)?;
        Some(drafts.remove(place).value)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, Session>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget(all: &mut HashMap<Key, Session>, now: Instant) {
    all.retain(|_, session| session.lives(now));
    for session in all.values_mut() {
        session.drafts.retain(|draft| now.duration_since(draft.at) < DRAFT_LIFE);
    }
}

impl Session {
    fn lives(&self, now: Instant) -> bool {
        now.duration_since(self.seen) < IDLE && now.duration_since(self.since) < LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somebody(uid: u32) -> Who {
        Who::Local { peer: Peer { uid, gid: 0, pid: None }, rights: Arc::new(Rights::NONE) }
    }

    #[test]
    fn a_session_ends_when_nobody_is_there_and_at_its_longest() {
        let sessions = Sessions::default();
        let begun = Instant::now();
        let secret = sessions.begin(somebody(1), true).expect("random");
        let find = |minutes: u64, there| {
            sessions.find_at(&secret, true, there, begun + Duration::from_mins(minutes)).is_some()
        };
        assert!(find(14, true) && find(28, false) && !find(30, true), "14 minutes after the last click, then 16");
        let secret = sessions.begin(somebody(1), true).expect("random");
        let find = |minutes: u64| sessions.find_at(&secret, true, true, begun + Duration::from_mins(minutes)).is_some();
        assert!((1..72).all(|turn| find(10 * turn)) && !find(721), "12 hours");
    }

    #[test]
    fn a_session_is_of_its_listener_and_ends_with_all_of_its_own() {
        let sessions = Sessions::default();
        let [one, other] = [1, 2].map(|uid| sessions.begin(somebody(uid), true).expect("random"));
        assert!(sessions.find(&one, false, true).is_none() && sessions.find("", true, true).is_none());
        sessions.end_all_of(&ActorId::User(1));
        assert!(sessions.find(&one, true, true).is_none() && sessions.find(&other, true, true).is_some());
    }

    #[test]
    fn a_draft_is_given_back_once_and_to_its_session_alone() {
        let sessions = Sessions::default();
        let keys = [1, 2].map(|uid| {
            let secret = sessions.begin(somebody(uid), true).expect("random");
            sessions.find(&secret, true, true).expect("a session").key
        });
        let name = sessions.keep_draft(keys[0], SecretBytes::from("x".to_owned())).expect("kept");
        assert!(sessions.take_draft(keys[1], &name).is_none());
        assert!(sessions.take_draft(keys[0], &name).is_some() && sessions.take_draft(keys[0], &name).is_none());
        sessions.keep_draft(keys[0], SecretBytes::from("x".to_owned())).expect("kept");
        let drafts = || sessions.all().values().map(|session| session.drafts.len()).sum::<usize>();
        assert_eq!(drafts(), 1);
        forget(&mut sessions.all(), Instant::now() + DRAFT_LIFE);
        assert_eq!((drafts(), sessions.all().len()), (0, 2), "its session goes on");
    }
}
