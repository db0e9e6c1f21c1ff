//! The log: what was asked for, by whom, and what became of it.

use std::sync::PoisonError;

use askama::Template;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::super::Desk;
use super::super::answer::{Answer, go_to, page, pieces};
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::{When, actor, encoded, short};
use super::super::visit::Fields;
use crate::audit::{EntryFilter, View};
use crate::domain::Timestamp;
use crate::store::AuditRow;
use crate::vault::{Error, LogState};

const ROWS: u32 = 50;
/// Entries that an export reads at once.
const EXPORTED: u32 = 1000;

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    state: State,
    filter: Filter,
    problem: String,
    rows: Vec<Row>,
    /// Whether it shows the newest entries, and so can be followed.
    live: bool,
    here: String,
    first: String,
    next: Option<String>,
    export: String,
}

/// How far the log was checked.
struct State {
    size: u64,
    vouched: Option<u64>,
    at: When,
    whole: Option<(u64, When)>,
    done: bool,
}

/// What was filled in.
struct Filter {
    object: String,
    actor: String,
    action: String,
    outcome: String,
    container: String,
    since: String,
    until: String,
}

/// An entry in short.
pub(super) struct Row {
    pub(super) index: u64,
    pub(super) at: Option<When>,
    pub(super) action: String,
    pub(super) actor: String,
    pub(super) target: String,
    pub(super) object: Option<String>,
    pub(super) outcome: String,
}

impl Row {
    pub(super) fn new(row: &AuditRow) -> Self {
        let Ok(view) = View::of(&row.entry) else {
            let unreadable = "can't be read".to_owned();
            let (action, actor, target) = (unreadable, String::new(), String::new());
            return Self {
                index: row.index,
                at: None,
                action,
                actor,
                target,
                object: None,
                outcome: "tampered".to_owned(),
            };
        };
        let mut target = view.target.id.as_deref().unwrap_or_default().to_owned();
        let object = target.starts_with("sec_").then(|| target.clone());
        if let Some(version) = &view.target.version {
            target = format!("{target}@{version}");
        }
        if let Some(container) = &view.attributes.container_id {
            target = format!("{target} → {}", short(container));
        }
        Self {
            index: row.index,
            at: Some(When::new(view.at)),
            action: view.action.to_string(),
            actor: actor(&view),
            target,
            object,
            outcome: view.attributes.outcome.to_string(),
        }
    }

    fn kind(&self) -> &'static str {
        match self.outcome.as_str() {
            "ok" => "ok",
            "denied" | "tampered" => "bad",
            _ => "warn",
        }
    }
}

impl Filter {
    fn new(fields: &Fields) -> Self {
        let text = |name: &str| fields.get(name).trim().chars().take(200).collect();
        Self {
            object: text("object"),
            actor: text("actor"),
            action: text("action"),
            outcome: text("outcome"),
            container: text("container"),
            since: text("since"),
            until: text("until"),
        }
    }

    fn parse(&self) -> Result<EntryFilter, String> {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let time = |name: &str, text: &String| {
            // What a browser's own field for times gives has no zone: the page says that it is UTC.
            let stated = if text.ends_with('Z') || text.contains('+') { text.clone() } else { format!("{text}Z") };
            let stated = if stated.len() == "2026-01-02T03:04Z".len() { stated.replace('Z', ":00Z") } else { stated };
            let parsed = some(text).map(|_| stated.parse::<Timestamp>()).transpose();
            parsed.map_err(|_| format!("{name}: not a time: write it as 2026-01-31T12:00"))
        };
        Ok(EntryFilter {
            object: some(&self.object)
                .map(|text| text.parse())
                .transpose()
                .map_err(|error| format!("secret: {error}"))?,
            actor: some(&self.actor)
                .map(|text| text.trim_start_matches("user:").parse())
                .transpose()
                .map_err(|error| format!("who: {error}"))?,
            action: some(&self.action),
            container: some(&self.container),
            outcome: some(&self.outcome),
            since: time("from", &self.since)?,
            until: time("until", &self.until)?,
        })
    }

    fn query(&self, more: &[(&str, &str)]) -> String {
        let all = [
            ("object", &self.object),
            ("actor", &self.actor),
            ("action", &self.action),
            ("outcome", &self.outcome),
            ("container", &self.container),
            ("since", &self.since),
            ("until", &self.until),
        ];
        let set = all.iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (*name, text.as_str()));
        let pairs: Vec<_> = set.chain(more.iter().copied()).collect();
        if pairs.is_empty() { String::new() } else { format!("?{}", encoded(&pairs)) }
    }
}

pub(in crate::dashboard) async fn list(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let fields = desk.visit.query();
    let filter = Filter::new(&fields);
    let before = fields.get("before").parse::<u64>().ok();
    let (parsed, problem) = match filter.parse() {
        Ok(parsed) => (Some(parsed), String::new()),
        Err(problem) => (None, problem),
    };
    let state = desk.vault().log_state(&desk.principal).await?;
    let (rows, next) = match parsed {
        Some(parsed) => {
            let page = desk.vault().log_before(&desk.principal, before.unwrap_or(u64::MAX), ROWS, parsed).await?;
            (page.entries.iter().map(Row::new).collect(), page.next)
        }
        None => (Vec::new(), 0),
    };
    let next = (next > 0).then(|| format!("/ui/audit{}", filter.query(&[("before", &next.to_string())])));
    page(&Audit {
        frame: desk.frame("Audit", "Audit"),
        state: State::new(desk, &state),
        live: before.is_none() && problem.is_empty(),
        here: format!("/ui/audit{}", filter.query(&[])),
        first: format!("/ui/audit{}", filter.query(&[])),
        export: format!("/ui/audit/export{}", filter.query(&[])),
        next,
        rows,
        problem,
        filter,
    })
}

impl State {
    fn new(desk: &Desk<'_>, state: &LogState) -> Self {
        let whole = *desk.dashboard.verified.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            size: state.size,
            vouched: state.vouched,
            at: When::new(Timestamp::now()),
            whole: whole.map(|(size, at)| (size, When::new(at))),
            done: desk.visit.query().get("done") == "verified",
        }
    }
}

/// Checks every entry up to the newest checkpoint.
pub(in crate::dashboard) async fn verify(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let size = desk.vault().verify_log(&desk.principal).await?;
    let now = Some((size, Timestamp::now()));
    *desk.dashboard.verified.lock().unwrap_or_else(PoisonError::into_inner) = now;
    Ok(go_to("/ui/audit?done=verified"))
}

/// Every entry that the filter admits, oldest first, as lines of JSON; as they are read, so that any number can be had.
pub(in crate::dashboard) async fn export(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let filter = Filter::new(&desk.visit.query()).parse().map_err(|problem| Fault::Vault(Error::Invalid(problem)))?;
    let (vault, principal) = (desk.vault().clone(), desk.principal.clone());
    // The first part here, so that a refusal is a page.
    let mut part = vault.log(&principal, 0, EXPORTED, filter.clone()).await?;
    let end = vault.log_state(&principal).await?.size;
    let (to, from) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            let lines: String = part.entries.iter().map(line).collect();
            if to.send(Bytes::from(lines)).await.is_err() || part.next >= end {
                return;
            }
            match vault.log(&principal, part.next, EXPORTED, filter.clone()).await {
                Ok(next) => part = next,
                Err(error) => {
                    tracing::error!(error = error.to_string(), "an export broke off");
                    return;
                }
            }
        }
    });
    Ok(pieces("application/x-ndjson", Some("audit.jsonl"), from))
}

/// As `ampoule audit export` writes it. An entry is JSON already, byte for byte as it was hashed.
fn line(row: &AuditRow) -> String {
    format!("{{\"index\":{},\"entry\":{}}}\n", row.index, String::from_utf8_lossy(&row.entry))
}
