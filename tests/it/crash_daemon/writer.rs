//! A client that writes, and remembers what it was told.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::change::Change;
use crate::support::random::random_below;
use crate::support::rpc::Rpc;

/// How many versions of a secret keep their value, and how many earlier ones a description names.
const KEPT: usize = 10;

/// What a writer asks for.
#[derive(Clone, Debug)]
enum Write {
    Create { value: String },
    Update { secret: usize, value: String },
    Delete { secret: usize },
}

/// What a writer knows of a secret of its own: the value of each version.
struct Secret {
    id: String,
    values: Vec<String>,
    deleted: bool,
}

/// One writer.
pub(super) struct Writer {
    name: usize,
    written: usize,
    secrets: Vec<Secret>,
    touched: BTreeSet<usize>,
    acknowledged: Vec<Change>,
    unanswered: Option<Write>,
}

impl Writer {
    pub(super) fn new(name: usize) -> Self {
        let (secrets, acknowledged) = (Vec::new(), Vec::new());
        Self { name, written: 0, secrets, touched: BTreeSet::new(), acknowledged, unanswered: None }
    }

    /// Writes until no answer comes, and counts the answers.
    pub(super) fn write(&mut self, rpc: &mut Rpc, acknowledged: &AtomicU32) {
        loop {
            let write = self.choose();
            let (method, request) = self.request(&write);
            let Ok(answer) = rpc.try_vault(method, &request) else {
                self.unanswered = Some(write);
                return;
            };
            let answer = answer.unwrap_or_else(|error| panic!("{method}: {error}"));
            let change = self.done(write, answer["objectId"].as_str());
            if let Some(version) = answer["version"].as_str() {
                assert_eq!(version, change.version.to_string(), "{change:?}");
            }
            self.acknowledged.push(change);
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn choose(&mut self) -> Write {
        self.written += 1;
        // Up to several database pages: a part of it would not pass for the whole.
        let filler = usize::try_from(random_below(if self.written.is_multiple_of(8) { 20_000 } else { 500 }));
        let value = format!("{}/{}/{}", self.name, self.written, "x".repeat(filler.expect("a length")));
        let living: Vec<usize> = (0..self.secrets.len()).filter(|&secret| !self.secrets[secret].deleted).collect();
        let chosen = u32::try_from(living.len()).ok().filter(|&count| count > 0).map(random_below);
        match (chosen.map(|place| living[place as usize]), random_below(10)) {
            (Some(secret), 0..=1) => Write::Delete { secret },
            (Some(secret), 2..=6) => Write::Update { secret, value },
            _ => Write::Create { value },
        }
    }

    fn request(&self, write: &Write) -> (&'static str, Value) {
        match write {
            Write::Create { value } => ("CreateObject", json!({ "value": value, "revealable": true })),
            Write::Update { secret, value } => {
                ("UpdateObject", json!({ "object_id": self.secrets[*secret].id, "new_value": value }))
            }
            Write::Delete { secret } => ("DeleteObject", json!({ "object_id": self.secrets[*secret].id })),
        }
    }

    /// Takes note of a write that was done.
    fn done(&mut self, write: Write, new_id: Option<&str>) -> Change {
        let (place, action) = match write {
            Write::Create { value } => {
                let id = new_id.expect("objectId").to_owned();
                self.secrets.push(Secret { id, values: vec![value], deleted: false });
                (self.secrets.len() - 1, "create")
            }
            Write::Update { secret, value } => {
                self.secrets[secret].values.push(value);
                (secret, "update")
            }
            Write::Delete { secret } => {
                self.secrets[secret].deleted = true;
                (secret, "delete")
            }
        };
        self.touched.insert(place);
        let secret = &self.secrets[place];
        Change::new(&secret.id, secret.values.len(), action)
    }

    /// Takes from the log's new changes those that were acknowledged; all of them must be there. Returns how many.
    pub(super) fn find_acknowledged(&mut self, logged: &mut BTreeSet<Change>) -> usize {
        let acknowledged = std::mem::take(&mut self.acknowledged);
        for change in &acknowledged {
            assert!(logged.remove(change), "acknowledged, but not in the log: {change:?}");
        }
        acknowledged.len()
    }

    /// Whether the write that no answer came to is this change of the log; then it counts as done.
    pub(super) fn explains(&mut self, change: &Change, value: Option<&str>) -> bool {
        let expected = match &self.unanswered {
            Some(Write::Create { value: sent }) if value == Some(sent) => Change::new(&change.id, 1, "create"),
            Some(Write::Update { secret, .. }) => {
                let secret = &self.secrets[*secret];
                Change::new(&secret.id, secret.values.len() + 1, "update")
            }
            Some(Write::Delete { secret }) => {
                let secret = &self.secrets[*secret];
                Change::new(&secret.id, secret.values.len(), "delete")
            }
            _ => return false,
        };
        if expected != *change {
            return false;
        }
        let write = self.unanswered.take().expect("unanswered");
        // Whether it is there is known now; whether it is whole is checked with the others.
        self.done(write, Some(&change.id));
        true
    }

    /// Whether a write was lost, as one without an answer may be. The next one starts afresh.
    pub(super) fn forget_unanswered(&mut self) -> bool {
        let lost = self.unanswered.take();
        // An update or a deletion that isn't in the log must not be in the database either.
        if let Some(Write::Update { secret, .. } | Write::Delete { secret }) = &lost {
            self.touched.insert(*secret);
        }
        lost.is_some()
    }

    /// What has been written since the last check is there, whole, and nothing else.
    pub(super) fn check(&mut self, rpc: &mut Rpc) {
        for place in std::mem::take(&mut self.touched) {
            self.secrets[place].check(rpc);
        }
    }

    /// All that was ever written is there.
    pub(super) fn check_everything(&self, rpc: &mut Rpc) {
        for secret in &self.secrets {
            secret.check(rpc);
            if !secret.deleted {
                secret.check_kept_versions(rpc);
            }
        }
    }
}

impl Secret {
    fn check(&self, rpc: &mut Rpc) {
        let found = rpc.describe(&self.id).unwrap_or_else(|error| panic!("{error}"));
        let (newest, id) = (self.values.len(), &self.id);
        assert_eq!(found["metadata"]["version"], newest.to_string(), "{id}");
        assert_eq!(found["metadata"]["deletedAt"].is_string(), self.deleted, "{id}");
        let value = if self.deleted { None } else { self.values.last().map(String::as_str) };
        assert_eq!(found["value"].as_str(), value, "{id}");
        let previous = found["previous"].as_array().map_or(&[][..], Vec::as_slice);
        let previous: Vec<&str> = previous.iter().map(|meta| meta["version"].as_str().expect("version")).collect();
        let expected: Vec<String> = (1..newest).rev().take(KEPT).map(|version| version.to_string()).collect();
        assert_eq!(previous, expected, "{id}");
    }

    fn check_kept_versions(&self, rpc: &mut Rpc) {
        let kept = self.values.len().saturating_sub(KEPT)..self.values.len();
        let versions: Vec<String> = kept.clone().map(|place| (place + 1).to_string()).collect();
        let wanted: Vec<(&str, &str)> = versions.iter().map(|version| (self.id.as_str(), version.as_str())).collect();
        let values = rpc.resolve_all(&wanted).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(values, self.values[kept], "{}", self.id);
    }
}
