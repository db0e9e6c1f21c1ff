//! Who may do what to instances. What becomes of their containers is not decided here.

mod refusal;

use ampoule_proto::request::Reference as SecretReference;

use super::token::{NewInstanceToken, end_with};
use super::{Error, Refusal, Vault, load};
use crate::audit::{Actor, Attributes, Entry, Outcome, Subject};
use crate::authz::{Action, BearerToken, Principal, Resource};
use crate::domain::devbox::DevboxName;
use crate::domain::{Caller, Identity, Instance, InstanceId, LabelFilter, Labels, RequestId, Timestamp};
use crate::store::{ReadTx, StoreError};

pub use refusal::InstanceRefusal;

/// A secret that a request names, and where it does.
#[derive(Clone, Debug)]
pub struct Named {
    /// Such as `containers[0].env_vars[2]`.
    pub place: String,
    /// The variable.
    pub variable: String,
    /// The secret.
    pub reference: SecretReference,
}

/// Which instances are wanted.
#[derive(Clone, Debug, Default)]
pub struct InstanceQuery {
    /// Only those with these labels.
    pub filter: LabelFilter,
    /// Those that have ended, too.
    pub ended_too: bool,
    /// Only those that were made then or later.
    pub since: Option<Timestamp>,
    /// Only those before this one.
    pub before: Option<InstanceId>,
    /// How many; 0 is as many as may be.
    pub most: usize,
}

/// A page of instances.
pub struct InstancePage {
    /// Newest first.
    pub instances: Vec<Instance>,
    /// Where to go on.
    pub next: Option<InstanceId>,
}

/// The most instances of one page.
const MOST: usize = 500;
/// The longest reason in the log, in characters.
const LONGEST_REASON: usize = 255;
/// How many rows are looked at together.
const AT_ONCE: u32 = 200;

impl Vault {
    /// Keeps a new instance, if the caller may make it and may inject each secret that it names. If `wants_token`, with a token
    /// for its containers, which is returned.
    pub async fn create_instance(
        &self,
        principal: &Principal,
        mut instance: Instance,
        named: Vec<Named>,
        wants_token: bool,
    ) -> Result<Option<BearerToken>, Error> {
        let (bearer, new) = wants_token.then(NewInstanceToken::random).transpose()?.unzip();
        let (vault, principal) = (self.clone(), principal.clone());
        let made = self
            .store
            .write(move |tx| {
                let subject = Some(Subject::Instance(instance.id.clone()));
                let taken = instance.devbox.as_ref().map(|devbox| devbox.name.clone());
                let made = |outcome| entry(principal.caller(), Action::CreateInstance, subject.clone(), outcome);
                if let Err(denied) = principal.may(Action::CreateInstance, Resource::NewInstance(&instance.labels)) {
                    tx.append(&made(Outcome::Denied))?;
                    return Ok(Err(Error::Denied(denied)));
                }
                let (refused, entries) = refused(tx, &principal, &named)?;
                for entry in &entries {
                    tx.append(entry)?;
                }
                if !refused.is_empty() {
                    tx.append(&made(Outcome::Withheld))?;
                    return Ok(Err(Error::Unresolved(refused)));
                }
                if let Some(name) = taken
                    && tx.devbox(&name)?.is_some()
                {
                    tx.append(&made(Outcome::Exists))?;
                    return Ok(Err(Error::Instance(InstanceRefusal::NameTaken { name })));
                }
                if let Some(new) = new {
                    match vault.store_instance_token(tx, &principal, &instance, new)? {
                        Ok(id) => instance.token = Some(id),
                        Err(error) => {
                            tx.append(&made(Outcome::Denied))?;
                            return Ok(Err(error));
                        }
                    }
                }
                tx.append(&made(Outcome::Ok))?;
                tx.put_instance(&instance)?;
                Ok(Ok(()))
            })
            .await?;
        made.0.map(|()| bearer)
    }

    /// What a caller is told, and the log, where there is nothing to start containers with.
    pub async fn refuse_instance(&self, principal: &Principal, labels: &Labels) -> Result<Error, Error> {
        let (outcome, error) = match principal.may(Action::CreateInstance, Resource::NewInstance(labels)) {
            Ok(_) => (Outcome::Failed, Error::Instance(InstanceRefusal::Off)),
            Err(denied) => (Outcome::Denied, Error::Denied(denied)),
        };
        self.record(entry(principal.caller(), Action::CreateInstance, None, outcome)).await?;
        Ok(error)
    }

    /// An instance that the caller may do this to. The attempt is recorded.
    pub async fn permit_instance(
        &self,
        principal: &Principal,
        action: Action,
        id: &InstanceId,
        reason: Option<String>,
        named: Vec<Named>,
    ) -> Result<Instance, Error> {
        self.permit_target(principal, action, Target::Id(id.clone()), reason, None, move |_| named).await
    }

    /// An instance in whose container, of this name, the caller may work. The attempt is recorded with the container.
    pub async fn permit_session(
        &self,
        principal: &Principal,
        id: &InstanceId,
        container: String,
        reason: Option<String>,
        named: Vec<Named>,
    ) -> Result<Instance, Error> {
        let (action, target) = (Action::ExecInstance, Target::Id(id.clone()));
        self.permit_target(principal, action, target, reason, Some(container), move |_| named).await
    }

    /// The same of the devbox of this name, for which it may need these secrets.
    pub async fn permit_devbox<F>(
        &self,
        principal: &Principal,
        action: Action,
        name: &DevboxName,
        reason: Option<String>,
        named: F,
    ) -> Result<Instance, Error>
    where
        F: FnOnce(&Instance) -> Vec<Named> + Send + 'static,
    {
        self.permit_target(principal, action, Target::Devbox(name.clone()), reason, None, named).await
    }

    /// Whether the caller may inject each of these, and they can be had. It is no attempt to, and leaves no entry.
    pub async fn could_inject(&self, principal: &Principal, named: Vec<Named>) -> Result<bool, Error> {
        let principal = principal.clone();
        Ok(self.store.read(move |tx| Ok(refused(tx, &principal, &named)?.0.is_empty())).await?)
    }

    async fn permit_target<F>(
        &self,
        principal: &Principal,
        action: Action,
        target: Target,
        reason: Option<String>,
        container: Option<String>,
        named: F,
    ) -> Result<Instance, Error>
    where
        F: FnOnce(&Instance) -> Vec<Named> + Send + 'static,
    {
        let principal = principal.clone();
        self.store
            .write(move |tx| {
                let (found, id) = target.find(tx)?;
                let labels = found.as_ref().map(|instance| &instance.labels);
                let resource = id.as_ref().map_or(Resource::Some, |id| Resource::Instance(id, labels));
                let permitted = principal.may(action, resource);
                let unknown = || Err(Error::Instance(target.unknown()));
                let (mut outcome, mut result) = match (permitted, found) {
                    (Err(_), _) => (Outcome::Denied, unknown()),
                    (Ok(_), None) => (Outcome::Unknown, unknown()),
                    (Ok(_), Some(instance)) => (Outcome::Ok, Ok(instance)),
                };
                let mut member = None;
                if let Ok(instance) = &result {
                    member = container.and_then(|name| instance.member(&name).map(|member| member.name.clone()));
                    let (refused, entries) = refused(tx, &principal, &named(instance))?;
                    for entry in &entries {
                        tx.append(entry)?;
                    }
                    if !refused.is_empty() {
                        (outcome, result) = (Outcome::Withheld, Err(Error::Unresolved(refused)));
                    }
                }
                let mut entry = entry(principal.caller(), action, id.map(Subject::Instance), outcome);
                // Who may not do it must not be able to fill the log.
                entry.attributes.reason = reason.filter(|_| outcome != Outcome::Denied).as_deref().and_then(in_short);
                entry.attributes.member = member;
                tx.append(&entry)?;
                Ok(result)
            })
            .await?
            .0
    }

    /// The instances that match and may be described, newest first.
    pub async fn list_instances(&self, principal: &Principal, query: InstanceQuery) -> Result<InstancePage, Error> {
        let InstanceQuery { filter, ended_too, since, before, most } = query;
        let grant = self.permit(principal, Action::ListInstances, Resource::Some).await?;
        let most = if most == 0 { MOST } else { most.min(MOST) };
        let asked = principal.clone();
        let page = self
            .store
            .read(move |tx| {
                let mut page = InstancePage { instances: Vec::new(), next: before };
                loop {
                    let rows = tx.instances(page.next.as_ref(), AT_ONCE, ended_too)?;
                    let last = rows.len() < AT_ONCE as usize;
                    for row in rows {
                        let recent = since.is_none_or(|since| row.created_at >= since);
                        if !recent {
                            page.next = None;
                            return Ok(page);
                        }
                        page.next = Some(row.id.clone());
                        let resource = Resource::Instance(&row.id, Some(&row.labels));
                        if filter.selects(&row.labels) && asked.may(Action::DescribeInstance, resource).is_ok() {
                            page.instances.push(row);
                        }
                        if page.instances.len() == most {
                            return Ok(page);
                        }
                    }
                    if last {
                        page.next = None;
                        return Ok(page);
                    }
                }
            })
            .await?;
        let mut listed = entry(grant.caller(), Action::ListInstances, None, Outcome::Ok);
        listed.attributes.count = Some(page.instances.len());
        self.record(listed).await?;
        Ok(page)
    }

    /// The devboxes that may be described, oldest first.
    pub async fn list_devboxes(&self, principal: &Principal) -> Result<Vec<Instance>, Error> {
        let grant = self.permit(principal, Action::ListInstances, Resource::Some).await?;
        let mut devboxes = self.store.read(|tx| tx.devboxes()).await?;
        let may = |instance: &Instance| {
            principal.may(Action::DescribeInstance, Resource::Instance(&instance.id, Some(&instance.labels))).is_ok()
        };
        devboxes.retain(may);
        let mut listed = entry(grant.caller(), Action::ListInstances, None, Outcome::Ok);
        listed.attributes.count = Some(devboxes.len());
        self.record(listed).await?;
        Ok(devboxes)
    }

    /// Every instance that has not ended, for the daemon itself.
    pub async fn living_instances(&self) -> Result<Vec<Instance>, Error> {
        Ok(self
            .store
            .read(|tx| {
                let (mut all, mut before) = (Vec::new(), None);
                loop {
                    let rows = tx.instances(before.as_ref(), AT_ONCE, false)?;
                    let last = rows.len() < AT_ONCE as usize;
                    before = rows.last().map(|row| row.id.clone());
                    all.extend(rows);
                    if last {
                        return Ok(all);
                    }
                }
            })
            .await?)
    }

    /// An instance, for the daemon itself.
    pub async fn instance(&self, id: InstanceId) -> Result<Option<Instance>, Error> {
        Ok(self.store.read(move |tx| tx.instance(&id)).await?)
    }

    /// Keeps what became of an instance; nothing if it is not there or `change` leaves it as it is. If `action` is given, it
    /// is the daemon that did that to it, of its own accord, and that is recorded.
    pub async fn change_instance<F>(
        &self,
        id: InstanceId,
        action: Option<Action>,
        change: F,
    ) -> Result<Option<Instance>, Error>
    where
        F: FnOnce(&mut Instance, Timestamp) + Send + 'static,
    {
        let (changed, _) = self
            .store
            .write(move |tx| {
                let Some(before) = tx.instance(&id)? else { return Ok(None) };
                let mut after = before.clone();
                change(&mut after, tx.now());
                if after != before {
                    tx.put_instance(&after)?;
                    end_with(tx, &after)?;
                    if let Some(action) = action {
                        let caller = Caller { identity: Identity::Daemon, request: RequestId::new(0) };
                        let mut entry = entry(&caller, action, Some(Subject::Instance(id)), Outcome::Ok);
                        entry.attributes.reason = in_short(&after.reason);
                        tx.append(&entry)?;
                    }
                }
                Ok(Some(after))
            })
            .await?;
        if changed.as_ref().is_some_and(|instance: &Instance| instance.token.is_some()) {
            self.ended.send_replace(());
        }
        Ok(changed)
    }
}

/// A reason as the log keeps it: below its first line may stand what a container printed.
fn in_short(reason: &str) -> Option<String> {
    let line = reason.lines().next().unwrap_or_default();
    Some(line.chars().take(LONGEST_REASON).collect()).filter(|line: &String| !line.is_empty())
}

/// What somebody asks about.
enum Target {
    Id(InstanceId),
    Devbox(DevboxName),
}

impl Target {
    /// The instance, if there is one, and what it is called, if that is known.
    fn find(&self, tx: &mut (impl ReadTx + ?Sized)) -> Result<(Option<Instance>, Option<InstanceId>), StoreError> {
        Ok(match self {
            Self::Id(id) => (tx.instance(id)?, Some(id.clone())),
            Self::Devbox(name) => {
                let found = tx.devbox(name)?;
                let id = found.as_ref().map(|instance| instance.id.clone());
                (found, id)
            }
        })
    }

    fn unknown(&self) -> InstanceRefusal {
        match self {
            Self::Id(id) => InstanceRefusal::Unknown { id: id.clone() },
            Self::Devbox(name) => InstanceRefusal::UnknownDevbox { name: name.clone() },
        }
    }
}

/// Where secrets are named that can't be had, and why not.
type Refusals = Vec<(String, Refusal)>;

/// The secrets that can't be had, and the entries that tell of them. That they may be injected is not yet an injection: that
/// is recorded when it happens.
fn refused(
    tx: &mut (impl ReadTx + ?Sized),
    principal: &Principal,
    named: &[Named],
) -> Result<(Refusals, Vec<Entry>), StoreError> {
    let (mut refused, mut entries) = (Vec::new(), Vec::new());
    for Named { place, variable, reference } in named {
        let asked = load::Asked { principal, action: Action::Inject, id: &reference.object };
        let found = match load::living(tx, &asked)? {
            Ok((object, _)) => load::version(tx, &object, reference.version)?.map(|_| ()),
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = found {
            let subject = Subject::Object { id: reference.object.clone(), version: reference.version };
            let mut entry = entry(principal.caller(), Action::Inject, Some(subject), refusal.outcome());
            entry.attributes.variable = Some(variable.clone());
            entries.push(entry);
            refused.push((place.clone(), refusal));
        }
    }
    Ok((refused, entries))
}

fn entry(caller: &Caller, action: Action, subject: Option<Subject>, outcome: Outcome) -> Entry {
    Entry { action: action.into(), actor: Actor(caller.clone()), subject, outcome, attributes: Attributes::default() }
}
