//! What was put into a container, for the processes that start in it later: names, ids and versions, never a value.
//!
//! A record is a folder below `containers/` of the run directory, mode 0700, in which the path of the runtime's own
//! directory of states is repeated. A `create` writes it, and the `delete` of the container removes it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use ampoule_proto::messages::ampoule::v1::{ContainerDescriptor, ResolvedSecret};
use ampoule_proto::request::{Reference, Request, SCHEME, Source};
use serde::{Deserialize, Serialize};

use crate::config::Environment;
use crate::fate;
use crate::private;
use crate::runtime::Runtime;
use crate::spec::Spec;

/// The folder in the run directory.
const FOLDER: &str = "containers";
/// Parts the directory of states from a container's id in a path.
const IDS: &str = "%ids";
const FILE: &str = "record.json";
/// How often the records of one directory of states are looked through at most.
const OFTEN: Duration = Duration::from_mins(1);
/// How long a record may be there before its container.
const NEW: Duration = Duration::from_mins(10);

/// What a create put into a container.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Record {
    root: PathBuf,
    id: String,
    /// The bundle's directory.
    pub bundle: String,
    /// The specification that the container was created by.
    pub config: PathBuf,
    /// The engine, if it is known.
    pub engine: String,
    /// The image, if it is known.
    pub image: String,
    /// Every variable, in the order of the requests.
    pub variables: Vec<Variable>,
}

/// One variable of a container.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// The secret and the version that its value is of; nothing if the request carried the value.
    pub secret: Option<(String, String)>,
    /// Whether an annotation asked for it, and not the variable's own value.
    pub annotated: bool,
}

impl Record {
    /// The version of a secret that a variable of this name was given.
    pub fn version(&self, name: &str, reference: &Reference) -> Option<&str> {
        let object = reference.object.to_string();
        let of_name = self.variables.iter().find(|variable| variable.name == name);
        let (id, version) = of_name?.secret.as_ref()?;
        (*id == object).then_some(version.as_str())
    }
}

/// A container as its runtime knows it: a directory of states and an id in it.
#[derive(Clone, Debug)]
pub struct Container {
    run_dir: PathBuf,
    root: PathBuf,
    id: String,
}

impl Container {
    /// The container of a command; `None` if no runtime takes such an id.
    pub fn new(
        environment: &Environment,
        runtime: &Runtime,
        root: Option<&OsString>,
        id: Option<&String>,
    ) -> Option<Self> {
        let mut parts = Path::new(id?).components();
        let (Some(Component::Normal(part)), None) = (parts.next(), parts.next()) else { return None };
        let root = root.map_or_else(|| environment.state_root(runtime.name()), PathBuf::from);
        let (root, id) = (std::path::absolute(root).ok()?, part.to_str()?.to_owned());
        Some(Self { run_dir: environment.run_dir(), root, id })
    }

    /// Where the runtime keeps its state.
    pub fn state(&self) -> PathBuf {
        self.root.join(&self.id)
    }

    /// The id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where the record is, and what else is kept as long as it.
    pub fn folder(&self) -> PathBuf {
        let mut path = self.run_dir.join(FOLDER);
        for part in self.root.components() {
            match part {
                Component::Normal(name) => path.push(name),
                Component::ParentDir => path.push("%parent"),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        path.join(IDS).join(&self.id)
    }

    /// The record, if there is one and nobody else can have written it.
    pub fn record(&self) -> Option<Record> {
        private::existing(&self.run_dir, FOLDER)?;
        let text = fs::read(self.folder().join(FILE)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        (record.root == self.root && record.id == self.id).then_some(record)
    }

    /// Whether it was given values, as far as can be known: what was told of it, or what is kept of it, says so.
    pub fn has_values(&self) -> bool {
        let of_vault = |record: Record| record.variables.iter().any(|variable| variable.secret.is_some());
        self.record().is_some_and(of_vault) || fate::is_marked(&self.run_dir, &self.root, &self.id)
    }

    /// Keeps what is about to be put into the container. Best effort: without a record a process that starts later gets
    /// the current versions, and nothing that annotations asked for.
    ///
    /// A container that is there already keeps its own: the runtime refuses to create another of its id.
    pub fn keep(&self, spec: &Spec<'_>, requests: &[Request], from: &From<'_>) {
        if self.is_there() {
            return;
        }
        let record = Record {
            root: self.root.clone(),
            id: self.id.clone(),
            bundle: from.container.bundle.clone(),
            config: from.config.clone(),
            engine: from.container.engine.clone(),
            image: from.container.image.clone(),
            variables: variables(spec, requests, from.secrets),
        };
        self.forget();
        let _ = self.write(&record);
        self.sweep();
    }

    /// Removes what an earlier container of this id has left, before another is created that asks for nothing.
    pub fn forget_earlier(&self) {
        if fs::symlink_metadata(self.folder()).is_ok() && !self.is_there() {
            self.forget();
        }
    }

    /// Removes the record of a container that the runtime is about to delete: it refuses to delete one that runs.
    pub fn deleted(&self, force: bool) {
        if fs::symlink_metadata(self.folder()).is_ok() && (force || !self.is_running()) {
            self.forget();
        }
    }

    /// Removes the record.
    pub fn forget(&self) {
        if private::existing(&self.run_dir, FOLDER).is_some() {
            let _ = fs::remove_dir_all(self.folder());
        }
    }

    fn is_there(&self) -> bool {
        fs::symlink_metadata(self.state()).is_ok()
    }

    /// Whether the container's first process is there, by the state that runc and crun write.
    fn is_running(&self) -> bool {
        #[derive(Deserialize)]
        struct State {
            #[serde(alias = "init_process_pid")]
            pid: i32,
        }
        let state = ["state.json", "status"].into_iter().find_map(|name| fs::read(self.state().join(name)).ok());
        let state = state.and_then(|text| serde_json::from_slice::<State>(&text).ok());
        let stat = state.and_then(|state| fs::read_to_string(format!("/proc/{}/stat", state.pid)).ok());
        let condition = stat.as_ref().and_then(|stat| stat.rsplit_once(") "));
        condition.is_some_and(|(_, condition)| !condition.starts_with(['Z', 'X']))
    }

    fn write(&self, record: &Record) -> io::Result<()> {
        private::folder(&self.run_dir, FOLDER).ok_or(io::ErrorKind::PermissionDenied)?;
        let folder = self.folder();
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        let unfinished = folder.join("record.tmp");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        fs::rename(unfinished, folder.join(FILE))
    }

    /// Removes records of the same runtime whose containers have gone without a `delete`, as `run` leaves them.
    fn sweep(&self) {
        let folder = self.folder();
        let Some((all, of_root)) = folder.parent().and_then(|all| Some((all, all.parent()?))) else { return };
        // Of many creates at once, one looks at what all of them have left. This folder's own time says when: what else
        // comes into it or goes, a directory of states below this one, puts it off.
        let is_due = fs::metadata(of_root).is_ok_and(|swept| age(&swept).is_none_or(|age| age >= OFTEN));
        // What isn't where we look for it hasn't gone.
        if !is_due || !self.root.is_dir() || touch(of_root).is_err() {
            return;
        }
        for entry in fs::read_dir(all).into_iter().flatten().flatten() {
            let age = entry.metadata().ok().and_then(|entry| age(&entry));
            if age.is_some_and(|age| age > NEW) && !self.root.join(entry.file_name()).exists() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// The time since it was changed; none if that is to come.
fn age(file: &Metadata) -> Option<Duration> {
    file.modified().ok()?.elapsed().ok()
}

/// Has a folder be changed now.
fn touch(folder: &Path) -> io::Result<()> {
    File::open(folder)?.set_modified(SystemTime::now())
}

/// What a record is made from beside the specification.
pub struct From<'a> {
    /// The container.
    pub container: &'a ContainerDescriptor,
    /// The specification's path.
    pub config: PathBuf,
    /// The daemon's answer: one for each request for a secret, in order.
    pub secrets: &'a [ResolvedSecret],
}

fn variables(spec: &Spec<'_>, requests: &[Request], secrets: &[ResolvedSecret]) -> Vec<Variable> {
    let mut secrets = secrets.iter();
    let variable = |request: &Request| {
        let name = request.name.as_str();
        let secret = match request.source {
            Source::Secret(_) => secrets.next().map(|secret| (secret.object_id.clone(), secret.version.clone())),
            Source::Literal(_) => None,
        };
        let annotated = !spec.variable(name).is_some_and(|value| value.starts_with(SCHEME));
        Variable { name: name.to_owned(), secret, annotated }
    };
    requests.iter().map(variable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_age(folder: &Path, age: Duration) {
        File::open(folder).and_then(|folder| folder.set_modified(SystemTime::now() - age)).expect("its owner may");
    }

    #[test]
    fn what_containers_that_have_gone_left_is_looked_for_once_in_a_while() {
        let folder = tempfile::tempdir().expect("a folder");
        let (run_dir, root) = (folder.path().join("run"), folder.path().join("states"));
        let container = |id: &str| Container { run_dir: run_dir.clone(), root: root.clone(), id: id.to_owned() };
        let all = ["living", "gone", "starting"].map(container);
        let [living, gone, starting] = &all;
        let left = || all.iter().filter(|one| one.folder().exists()).map(Container::id).collect::<Vec<_>>();
        fs::create_dir_all(living.state()).expect("a state");
        for (container, age) in [(living, NEW * 2), (gone, NEW * 2), (starting, Duration::ZERO)] {
            fs::create_dir_all(container.folder()).expect("a record");
            set_age(&container.folder(), age);
        }
        let of_root = gone.folder().ancestors().nth(2).expect("the folder of the states").to_owned();

        starting.sweep();
        assert_eq!(left(), ["living", "gone", "starting"], "it was looked for a moment ago");
        set_age(&of_root, OFTEN);
        starting.sweep();
        assert_eq!(left(), ["living", "starting"]);

        fs::create_dir_all(gone.folder()).expect("a record");
        set_age(&gone.folder(), NEW * 2);
        starting.sweep();
        assert_eq!(left(), ["living", "gone", "starting"], "it was looked for a moment ago");
    }
}
