//! Links that sign somebody in, once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::session::{Who, random};

/// How long a link counts.
pub const LINK_LIFE: Duration = Duration::from_mins(1);
/// How many count at once.
const MOST: usize = 256;

/// The links that count.
#[derive(Default)]
pub(super) struct Links {
    all: Mutex<HashMap<[u8; 32], (Who, Instant)>>,
}

impl Links {
    /// Makes one; its code.
    pub(super) fn make(&self, who: Who) -> Option<String> {
        let (code, now) = (random()?, Instant::now());
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, (_, made)| now.duration_since(*made) < LINK_LIFE);
        if all.len() >= MOST {
            return None;
        }
        all.insert(Sha256::digest(code.as_bytes()).into(), (who, now));
        Some(code)
    }

    /// Whom a code would sign in.
    pub(super) fn look(&self, code: &str) -> Option<Who> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let (who, made) = all.get(&hash(code))?;
        (made.elapsed() < LINK_LIFE).then(|| who.clone())
    }

    /// The same, the only time.
    pub(super) fn take(&self, code: &str) -> Option<Who> {
        let (who, made) = self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(code))?;
        (made.elapsed() < LINK_LIFE).then_some(who)
    }
}

fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}
