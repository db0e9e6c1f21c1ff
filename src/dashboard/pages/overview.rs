//! How the vault is.

use askama::Template;

use super::super::Desk;
use super::super::answer::{Answer, page};
use super::super::chart;
use super::super::error::Fault;
use super::super::frame::Frame;
use super::super::text::{When, marked, span};
use super::audit::Row;
use crate::audit::EntryFilter;
use crate::authz::{Action, Resource};
use crate::domain::Concern;
use crate::vault::{LogState, UsageFilter};

/// How many denials are shown.
const DENIALS: u32 = 8;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    trouble: Option<String>,
    version: &'static str,
    vault: String,
    uptime: String,
    providers: String,
    key_made: Option<When>,
    /// Containers that hold something, and those of them that hold what is stale.
    held: Option<(usize, usize)>,
    log: Option<LogState>,
    /// What else should be seen to, for who may read the log.
    concerns: Vec<Shown>,
    /// Whether one of them is grave.
    at_risk: bool,
    denials: Option<Vec<Row>>,
    calls: u32,
    failed: u32,
    rates: String,
    latencies: String,
    may_create: bool,
    may_list: bool,
}

/// A concern; its remedy is HTML.
struct Shown {
    about: &'static str,
    message: String,
    remedy: String,
    is_grave: bool,
}

impl From<Concern> for Shown {
    fn from(Concern { about, message, remedy, is_grave }: Concern) -> Self {
        Self { about, message, remedy: marked(&remedy), is_grave }
    }
}

pub(in crate::dashboard) async fn show(desk: &Desk<'_>) -> Result<Answer, Fault> {
    let vault = desk.vault();
    let trouble = vault.can_record().await.err().map(|error| error.to_string());
    let keys = vault.key_facts().await?;
    let held = if desk.may(Action::Describe, Resource::Some) {
        let usage = vault.usage(&desk.principal, UsageFilter::default()).await?;
        let count = |stale_only: bool| {
            let wanted = usage.iter().filter(|usage| !stale_only || usage.deleted || usage.version != usage.current);
            wanted.map(|usage| &usage.container.id).collect::<std::collections::BTreeSet<_>>().len()
        };
        Some((count(false), count(true)))
    } else {
        None
    };
    let reads_log = desk.may(Action::ListAudit, Resource::All);
    let (log, denials) = if reads_log {
        let filter = EntryFilter { outcome: Some("denied".to_owned()), ..EntryFilter::default() };
        let found = vault.log_before(&desk.principal, u64::MAX, DENIALS, filter).await?;
        let rows = found.entries.iter().map(Row::new).collect();
        (Some(vault.log_state(&desk.principal).await?), Some(rows))
    } else {
        (None, None)
    };
    // They tell of places on the host.
    let concerns = if reads_log { (desk.dashboard.concerns.0)() } else { Vec::new() };
    let hour = desk.dashboard.pulse.last_hour();
    page(&Overview {
        frame: desk.frame("Overview", "Overview"),
        trouble,
        version: env!("CARGO_PKG_VERSION"),
        vault: vault.id().to_string(),
        uptime: span(desk.dashboard.pulse.uptime().as_secs()),
        providers: keys.providers.join(", "),
        key_made: keys.made_at.map(When::new),
        held,
        log,
        at_risk: concerns.iter().any(|concern| concern.is_grave),
        concerns: concerns.into_iter().map(Shown::from).collect(),
        denials,
        calls: hour.iter().map(|minute| minute.calls).sum(),
        failed: hour.iter().map(|minute| minute.failed).sum(),
        rates: chart::rates(&hour),
        latencies: chart::latencies(&hour),
        may_create: desk.may(Action::Create, Resource::Some),
        may_list: desk.may(Action::List, Resource::Some),
    })
}
