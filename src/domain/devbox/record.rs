//! What is kept of a Devbox beside its Instance.

use super::{DevboxName, Repository, Size};
use crate::domain::instance::ImageRef;
use crate::domain::{EnvName, Reference};

/// What makes an Instance a Devbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devbox {
    /// What it is called; no other one that lives is called so.
    pub name: DevboxName,
    /// What it is made of.
    pub image: ImageRef,
    /// The size that was asked for; what it got the Instance says.
    pub size: Size,
    /// What was cloned into it.
    pub repository: Option<Repository>,
    /// Whether its files go when it stops.
    pub ephemeral: bool,
    /// Its variables that are secrets: who starts it must be allowed to inject them.
    pub secrets: Vec<(EnvName, Reference)>,
}

impl Devbox {
    /// Where everything that is worked on lies.
    pub const WORKSPACES: &'static str = "/workspaces";

    /// Where to work: the folder of the repository, or that of all.
    pub fn directory(&self) -> String {
        match &self.repository {
            Some(repository) => format!("{}/{}", Self::WORKSPACES, repository.url.folder()),
            None => Self::WORKSPACES.to_owned(),
        }
    }

    /// What its user should know of the size that it got, if that isn't the one that was asked for.
    pub fn note_on_size(&self, cpus: Option<u32>, memory_megabytes: Option<u32>) -> Option<String> {
        let (cpus, memory) = (cpus?, memory_megabytes?);
        let size = self.size;
        let (asked_cpus, asked_memory) = (size.virtual_cpu(), size.memory_megabytes());
        let is_less = cpus < asked_cpus || memory < asked_memory;
        is_less.then(|| {
            format!(
                "size {size} is {asked_cpus} CPUs and {asked_memory} MB: this host has less, so it gets {cpus} and {memory}"
            )
        })
    }
}

impl DevboxName {
    /// This name with a random end, as `name_prefix` asks for.
    #[must_use]
    pub fn with_end(&self, random: [u8; 6]) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
        let end = random.map(|bits| char::from(ALPHABET[usize::from(bits % 32)]));
        Self(format!("{}-{}", self.0, end.iter().collect::<String>()))
    }
}
