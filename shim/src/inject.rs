//! A `create` or `run`: finds what the container asks for, fetches it and delivers it.

use std::convert::Infallible;
use std::time::Instant;

use ampoule_proto::messages::ampoule::v1::{ResolveRequest, ResolveResponse, SecretReference};
use ampoule_proto::request::{Reference, Request, Source, VariableName};
use ampoule_proto::secret::SecretBytes;

use crate::args::{Args, Dialect};
use crate::client;
use crate::config::{Environment, Settings};
use crate::deliver::{self, Locked, Place, Reading};
use crate::descriptor;
use crate::error::Error;
use crate::fate::Fate;
use crate::phase;
use crate::runtime::Runtime;
use crate::spec::{Edits, Spec, mentions_us};

/// Becomes the runtime, with the values in its config.json if that asks for any.
pub fn create(
    args: &Args,
    settings: &Settings,
    environment: &Environment,
    runtime: &Runtime,
) -> Result<Infallible, Error> {
    // What can't be opened or read, the runtime reports in its own words.
    let Some(place) = Place::open(&args.bundle(), args.config.as_deref()) else { return plain(args, runtime) };
    match place.read()? {
        Reading::Text(text) if mentions_us(&text) => {}
        Reading::Swapped => {}
        Reading::Text(_) | Reading::Unreadable => return plain(args, runtime),
    }
    let deadline = Instant::now() + settings.deadline;
    let run_dir = environment.run_dir();
    let place = place.lock(&run_dir, deadline)?;
    phase::at("locked");
    place.heal()?;
    let Reading::Text(text) = place.read()? else { return unlocked(place, args, runtime) };
    let spec = Spec::parse(&text)?;
    let requests = spec.requests()?;
    if requests.is_empty() {
        return unlocked(place, args, runtime);
    }
    if runtime.reads_again() {
        return Err(Error::ReadsAgain { runtime: runtime.name().to_owned() });
    }
    // What can't be filled in is refused before the vault is asked.
    let mut edits = Edits::new(&spec)?;
    // crun's hooks get their own environment or none; runc's would inherit the filled one.
    if Dialect::of(runtime.name()) == Dialect::Go {
        edits.keep_from_hooks()?;
    }
    deliver::hide_memory()?;
    let references = references(&requests);
    let (values, fate) = if references.is_empty() {
        (Vec::new(), None)
    } else {
        let container = descriptor::describe(args, place.bundle(), runtime, &spec);
        let request = ResolveRequest { container: Some(container).into(), references };
        let answer = client::resolve(&settings.socket, &request, deadline)?;
        let fate = Fate::of(&answer.injection_id, args, settings, environment, runtime);
        (checked(&request, answer).inspect_err(|_| fate.tell_of_failure())?, Some(fate))
    };
    phase::at("resolved");
    edits.set_env(&assigned(requests, values));
    let delivered = deliver::deliver(&place, edits, runtime, args, &run_dir, deadline, fate.as_ref());
    Ok(delivered.inspect_err(|_| fate.iter().for_each(Fate::tell_of_failure))?)
}

fn plain(args: &Args, runtime: &Runtime) -> Result<Infallible, Error> {
    Ok(runtime.exec(args.as_given())?)
}

fn unlocked(place: Locked, args: &Args, runtime: &Runtime) -> Result<Infallible, Error> {
    drop(place);
    plain(args, runtime)
}

/// One reference for each variable that a secret is wanted in.
pub(crate) fn references(requests: &[Request]) -> Vec<SecretReference> {
    let wire = |name: &VariableName, reference: &Reference| SecretReference {
        name: name.as_str().to_owned(),
        object_id: reference.object.to_string(),
        version: reference.version.map(|version| version.to_string()).unwrap_or_default(),
    };
    let secret = |request: &Request| match &request.source {
        Source::Secret(reference) => Some(wire(&request.name, reference)),
        Source::Literal(_) => None,
    };
    requests.iter().filter_map(secret).collect()
}

/// The values, after a check that they are the answers to the questions.
pub(crate) fn checked(request: &ResolveRequest, response: ResolveResponse) -> Result<Vec<SecretBytes>, Error> {
    let asked = &request.references;
    let same = asked.len() == response.secrets.len()
        && asked.iter().zip(&response.secrets).all(|(asked, answer)| {
            asked.name == answer.name
                && asked.object_id == answer.object_id
                && (asked.version.is_empty() || asked.version == answer.version)
                && !answer.value.contains('\0')
        });
    if !same {
        return Err(Error::OtherSecrets);
    }
    Ok(response.secrets.into_iter().map(|secret| secret.value.into_secret()).collect())
}

/// Every variable with its value, in the order of the requests.
pub(crate) fn assigned(requests: Vec<Request>, values: Vec<SecretBytes>) -> Vec<(VariableName, SecretBytes)> {
    let mut values = values.into_iter();
    let value = |request: Request| match request.source {
        Source::Literal(text) => Some((request.name, SecretBytes::from(text))),
        Source::Secret(_) => values.next().map(|value| (request.name, value)),
    };
    requests.into_iter().filter_map(value).collect()
}
