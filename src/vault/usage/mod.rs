//! Which containers have which values: an inventory, kept from what was resolved, reported and seen.
//!
//! It says what to restart, and nothing is decided by it. What it says was so is in the log too.

mod list;
mod processes;
mod report;
mod sweep;

pub use list::{StillHeld, Usage, UsageFilter};
pub(super) use processes::Processes;
pub use report::Fate;

use crate::audit::{Actor, Attributes, Entry, Event, Outcome, Subject};
use crate::domain::{Caller, Container, Injection};

/// The entries of an injection whose container has gone: first what became of it, if nobody has told. It was over before
/// anybody looked.
fn entries_of_end(caller: &Caller, injection: &Injection) -> Vec<Entry> {
    let untold = injection.init.is_none().then(|| entries(caller, Event::Injected, injection, Outcome::Unknown));
    let released = entries(caller, Event::Released, injection, Outcome::Ok);
    untold.into_iter().flatten().chain(released).collect()
}

/// An entry for each version that an injection gave away: what became of it.
fn entries(caller: &Caller, event: Event, injection: &Injection, outcome: Outcome) -> Vec<Entry> {
    let pid = injection.init.map_or(injection.container.pid, |init| init.pid);
    let entry = |(object, version): (&_, _)| Entry {
        action: event,
        actor: Actor(caller.clone()),
        subject: Some(Subject::Object { id: Clone::clone(object), version: Some(version) }),
        outcome,
        attributes: Attributes {
            container: Some(Container { pid, ..injection.container.in_short() }),
            injection: Some(injection.id),
            ..Attributes::default()
        },
    };
    injection.versions().into_iter().map(entry).collect()
}
