//! An `exec`: the process gets what its container got, the same versions, in the description that the runtime reads.
//!
//! Engines repeat the container's configured environment in that description (`--process`), references included. A
//! runtime that is called without one takes the process from the container's config.json.

mod links;

use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ampoule_proto::id::EnvName;
use ampoule_proto::messages::ampoule::v1::{ContainerDescriptor, Purpose, ResolveRequest, ResolveResponse};
use ampoule_proto::request::{Request, SCHEME, Source};
use nix::libc::STDERR_FILENO;
use nix::unistd::getpid;

use crate::args::Exec;
use crate::client;
use crate::config::{self, ConfigError, Environment, Loaded};
use crate::deliver::{self, DeliverError, Place, Reading};
use crate::error::Error;
use crate::inject::{assigned, checked, references};
use crate::record::{Container, Record};
use crate::runtime::Runtime;
use crate::spec::{Edits, MOST_BYTES, Spec, mentions_us};

/// Becomes the runtime, with the values in the description of its process if that or the container asks for any.
pub fn exec(args: &Exec, settings: &Loaded, environment: &Environment, runtime: &Runtime) -> Result<Infallible, Error> {
    let container = Container::new(environment, runtime, args.root.as_ref(), args.id.as_ref());
    let is_off = settings.as_ref().is_ok_and(|settings| !settings.exec);
    let Some(container) = container.filter(|_| !is_off) else { return Ok(runtime.exec(args.as_given())?) };
    let record = container.record();
    let deadline = Instant::now() + config::deadline(settings);
    let call = Call { args, settings, environment, runtime, container, record, deadline };
    match args.process() {
        Some(path) => call.with_description(&path),
        None => call.without_description(),
    }
}

/// One `exec`.
struct Call<'a> {
    args: &'a Exec,
    settings: &'a Loaded,
    environment: &'a Environment,
    runtime: &'a Runtime,
    container: Container,
    record: Option<Record>,
    deadline: Instant,
}

impl Call<'_> {
    fn as_given(&self) -> Result<Infallible, Error> {
        Ok(self.runtime.exec(self.args.as_given())?)
    }

    /// What an engine calls.
    fn with_description(&self, path: &Path) -> Result<Infallible, Error> {
        // What can't be read, the runtime reports in its own words.
        let Some((text, is_file)) = read(path)? else { return self.as_given() };
        let unchanged = || if is_file { self.as_given() } else { self.describe(&text) };
        if self.record.is_none() && !mentions_us(&text) {
            return unchanged();
        }
        let spec = Spec::parse_process(&text).map_err(Error::Process)?;
        let requests = self.wanted(&spec)?;
        if requests.is_empty() {
            return unchanged();
        }
        let mut edits = Edits::new(&spec).map_err(Error::Process)?;
        deliver::hide_memory()?;
        let answer = self.resolve(&requests)?;
        edits.set_env(&assigned(requests, answer));
        self.describe(&edits.apply())
    }

    fn describe(&self, text: &[u8]) -> Result<Infallible, Error> {
        let fd = deliver::prefill(text, self.lowest())?;
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        Ok(self.runtime.exec(&self.args.with_process(path.as_ref()))?)
    }

    /// What people call by hand.
    fn without_description(&self) -> Result<Infallible, Error> {
        if let Some(name) = &self.args.reference {
            return Err(Error::ReferenceOption { name: name.clone() });
        }
        let Some(record) = &self.record else { return self.as_given() };
        let kind = links::Kind::of(self.runtime);
        let Some(kind) = kind else { return Err(Error::NoDescription { runtime: self.runtime.name().to_owned() }) };
        let config = match kind {
            links::Kind::Bundle => record.config.clone(),
            links::Kind::Copy => self.container.state().join("config.json"),
        };
        let Some(text) = self.configuration(&config)? else { return self.as_given() };
        let spec = Spec::parse(&text)?;
        let requests = self.pinned(spec.requests().map_err(Error::ExecRequest)?);
        if requests.is_empty() {
            return self.as_given();
        }
        let mut edits = Edits::new(&spec)?;
        deliver::hide_memory()?;
        let answer = self.resolve(&requests)?;
        edits.set_env(&assigned(requests, answer));
        let fd = deliver::prefill(&edits.apply(), self.lowest())?;
        let root = links::make(&self.container, kind, fd.as_raw_fd())?;
        Ok(self.runtime.exec(&self.args.with_root(root.as_os_str()))?)
    }

    /// What the process is to get: what stands in its own environment, then what annotations put into the container.
    ///
    /// Who calls the engine may set a variable of the container to something else; that stays.
    fn wanted(&self, spec: &Spec<'_>) -> Result<Vec<Request>, Error> {
        let mut requests = self.pinned(spec.requests().map_err(Error::ExecRequest)?);
        let Some(record) = &self.record else { return Ok(requests) };
        let mut annotated = record.variables.iter().filter(|variable| variable.annotated).peekable();
        if annotated.peek().is_none() {
            return Ok(requests);
        }
        let text = self.configuration(&record.config)?;
        let of_container = text.as_deref().and_then(|text| Spec::parse(text).ok());
        let of_container = || of_container.as_ref().ok_or_else(|| Error::NoOriginal { path: record.config.clone() });
        for variable in annotated {
            match spec.variable(&variable.name) {
                Some(value) if value.starts_with(SCHEME) => continue,
                Some(value) if of_container()?.variable(&variable.name) != Some(value) => continue,
                _ => {}
            }
            let found = if let Some((object, version)) = &variable.secret {
                variable.name.parse::<EnvName>().ok().and_then(|name| {
                    let source = Source::Secret(format!("{object}@{version}").parse().ok()?);
                    Some(Request { name: name.into(), source })
                })
            } else {
                let is_it = |asked: &Request| {
                    asked.name.as_str() == variable.name && matches!(asked.source, Source::Literal(_))
                };
                of_container()?.requests().map_err(Error::ExecRequest)?.into_iter().find(is_it)
            };
            requests.extend(found);
        }
        Ok(requests)
    }

    /// The same, each at the version that the container's variable has.
    fn pinned(&self, mut requests: Vec<Request>) -> Vec<Request> {
        for request in &mut requests {
            if let (Source::Secret(reference), Some(record)) = (&mut request.source, &self.record)
                && reference.version.is_none()
            {
                let version = record.version(request.name.as_str(), reference);
                reference.version = version.and_then(|version| version.parse().ok());
            }
        }
        requests
    }

    fn resolve(&self, requests: &[Request]) -> Result<ResolveResponse, Error> {
        let references = references(requests);
        if references.is_empty() {
            return Ok(ResolveResponse::default());
        }
        let settings = self.settings.as_ref().map_err(ConfigError::clone)?;
        let container = Some(self.description()).into();
        let request = ResolveRequest { container, references, purpose: Purpose::PURPOSE_EXEC.into() };
        let answer = client::resolve(&settings.socket, &request, self.deadline).map_err(Error::of_call(settings))?;
        checked(&request, answer)
    }

    /// What the audit log is told.
    fn description(&self) -> ContainerDescriptor {
        let text = |field: fn(&Record) -> &String| self.record.as_ref().map(field).cloned().unwrap_or_default();
        ContainerDescriptor {
            id: self.container.id().to_owned(),
            bundle: text(|record| &record.bundle),
            engine: text(|record| &record.engine),
            image: text(|record| &record.image),
            pid: getpid().as_raw(),
            runtime: self.runtime.path().display().to_string(),
            ..ContainerDescriptor::default()
        }
    }

    /// The container's own specification; none if it can't be read.
    fn configuration(&self, path: &Path) -> Result<Option<Vec<u8>>, Error> {
        let place = path.parent().and_then(|folder| Place::open(folder, path.file_name().map(Path::new)));
        let Some(place) = place else { return Ok(None) };
        loop {
            match place.read()? {
                Reading::Text(text) => return Ok(Some(text)),
                Reading::Unreadable => return Ok(None),
                // Another container is being created from the same bundle.
                Reading::Swapped if Instant::now() < self.deadline => std::thread::sleep(Duration::from_millis(1)),
                Reading::Swapped => return Err(DeliverError::Busy { bundle: place.bundle().to_owned() }.into()),
            }
        }
    }

    /// The first descriptor that the process doesn't inherit.
    fn lowest(&self) -> RawFd {
        let preserved = self.args.preserved.saturating_add(self.environment.listen_fds);
        RawFd::try_from(preserved).unwrap_or(RawFd::MAX).saturating_add(STDERR_FILENO + 1)
    }
}

/// A description and whether it can be read again; none if it can't be read.
fn read(path: &Path) -> Result<Option<(Vec<u8>, bool)>, Error> {
    let Ok(file) = File::open(path) else { return Ok(None) };
    let is_file = file.metadata().is_ok_and(|found| found.is_file());
    let mut text = Vec::new();
    match file.take(MOST_BYTES as u64 + 1).read_to_end(&mut text) {
        Ok(read) if read > MOST_BYTES => Err(DeliverError::Huge { path: PathBuf::from(path) }.into()),
        Ok(_) => Ok(Some((text, is_file))),
        Err(_) => Ok(None),
    }
}
