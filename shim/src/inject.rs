//! A `create` or `run`: finds what the container asks for, fetches it and delivers it.

use std::convert::Infallible;
use std::time::Instant;

use ampoule_proto::messages::ampoule::v1::{ResolveRequest, ResolveResponse, SecretReference};
use ampoule_proto::request::{Reference, Request, Source, VariableName};
use ampoule_proto::secret::SecretBytes;

use crate::args::{Args, Dialect, option_before_command};
use crate::client;
use crate::config::{self, ConfigError, Environment, Loaded};
use crate::deliver::{self, Locked, Place, Reading};
use crate::descriptor;
use crate::error::Error;
use crate::fate::Fate;
use crate::files::Files;
use crate::phase;
use crate::record::{self, Container};
use crate::runtime::Runtime;
use crate::spec::{Edits, Spec, mentions_us};

/// Becomes the runtime, with the values in its config.json if that asks for any.
pub fn create(
    args: &Args,
    settings: &Loaded,
    environment: &Environment,
    runtime: &Runtime,
) -> Result<Infallible, Error> {
    // What can't be opened or read, the runtime reports in its own words.
    let Some(place) = Place::open(&args.bundle(), args.config.as_deref()) else { return plain(args, runtime) };
    let own_root = option_before_command(args.as_given(), Dialect::of(runtime.name()), "root");
    let own = Container::new(environment, runtime, own_root.as_ref(), args.id.as_ref());
    match place.read()? {
        Reading::Text(text) if mentions_us(&text) => {}
        Reading::Swapped => {}
        Reading::Text(_) | Reading::Unreadable => {
            own.iter().for_each(Container::forget_earlier);
            return plain(args, runtime);
        }
    }
    let deadline = Instant::now() + config::deadline(settings);
    let run_dir = environment.run_dir();
    let place = place.lock(&run_dir, deadline)?;
    phase::at("locked");
    place.heal()?;
    let Reading::Text(text) = place.read()? else { return unlocked(place, args, runtime) };
    let spec = Spec::parse(&text)?;
    // Of an earlier container of this id nothing may come into this one's processes.
    own.iter().for_each(Container::forget_earlier);
    if spec.is_sandbox() {
        return unlocked(place, args, runtime);
    }
    let requests = spec.requests()?;
    let files = Files::of(&spec)?;
    if requests.is_empty() && files.is_empty() {
        return unlocked(place, args, runtime);
    }
    let settings = settings.as_ref().map_err(ConfigError::clone)?;
    if runtime.reads_again() && !settings.allow_runtimes.iter().any(|name| name == runtime.name()) {
        return Err(Error::ReadsAgain { runtime: runtime.name().to_owned() });
    }
    // What can't be filled in is refused before the vault is asked.
    let mut edits = Edits::new(&spec)?;
    // crun's hooks get their own environment or none; runc's would inherit the filled one.
    if Dialect::of(runtime.name()) == Dialect::Go {
        edits.keep_from_hooks()?;
    }
    deliver::hide_memory()?;
    let container = descriptor::describe(args, place.bundle(), runtime, &spec);
    let mut references = references(&requests);
    let variables = references.len();
    references.extend(files.references());
    let (mut answer, fate) = if references.is_empty() {
        (ResolveResponse::default(), None)
    } else {
        let container = Some(container.clone()).into();
        let request = ResolveRequest { container, references, ..ResolveRequest::default() };
        let answer = client::resolve(&settings.socket, &request, deadline).map_err(Error::of_call(settings))?;
        let fate = Fate::of(&answer.injection_id, args, settings, environment, runtime);
        (checked(&request, answer).inspect_err(|_| fate.tell_of_failure())?, Some(fate))
    };
    phase::at("resolved");
    let of_files = answer.secrets.split_off(variables.min(answer.secrets.len()));
    if let Err(error) = files.make(of_files, &mut edits, &run_dir) {
        fate.iter().for_each(Fate::tell_of_failure);
        return Err(error.into());
    }
    let own = own.filter(|_| settings.exec && !requests.is_empty());
    if let Some(own) = &own {
        own.keep(
            &spec,
            &requests,
            &record::From { container: &container, config: place.path(), secrets: &answer.secrets },
        );
    }
    edits.set_env(&assigned(requests, answer));
    deliver::deliver(&place, edits, runtime, args, &run_dir, deadline, fate.as_ref()).map_err(|error| {
        own.iter().for_each(Container::forget_earlier);
        fate.iter().for_each(Fate::tell_of_failure);
        error.into()
    })
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
        ..SecretReference::default()
    };
    let secret = |request: &Request| match &request.source {
        Source::Secret(reference) => Some(wire(&request.name, reference)),
        Source::Literal(_) => None,
    };
    requests.iter().filter_map(secret).collect()
}

/// The answer, after a check that it is one to the questions.
pub(crate) fn checked(request: &ResolveRequest, response: ResolveResponse) -> Result<ResolveResponse, Error> {
    let asked = &request.references;
    let same = asked.len() == response.secrets.len()
        && asked.iter().zip(&response.secrets).all(|(asked, answer)| {
            asked.name == answer.name
                && asked.object_id == answer.object_id
                && (asked.version.is_empty() || asked.version == answer.version)
                && !answer.value.contains('\0')
        });
    if same { Ok(response) } else { Err(Error::OtherSecrets) }
}

/// Every variable with its value, in the order of the requests.
pub(crate) fn assigned(requests: Vec<Request>, answer: ResolveResponse) -> Vec<(VariableName, SecretBytes)> {
    let mut values = answer.secrets.into_iter().map(|secret| secret.value.into_secret());
    let value = |request: Request| match request.source {
        Source::Literal(text) => Some((request.name, SecretBytes::from(text))),
        Source::Secret(_) => values.next().map(|value| (request.name, value)),
    };
    requests.into_iter().filter_map(value).collect()
}
