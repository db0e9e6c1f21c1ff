//! The files that a container asks for, from the request to the mounts of its config.json.

use std::path::Path;

use ampoule_proto::messages::ampoule::v1::{ResolvedSecret, SecretReference};
use ampoule_proto::request::{self, FileRequest};
use ampoule_proto::secret::SecretBytes;

use crate::deliver::{self, DeliverError};
use crate::error::Error;
use crate::spec::{Edits, Owner, Spec};

/// What a container asks for, and whose it will be.
pub(crate) struct Files {
    asked: Vec<FileRequest>,
    owner: Owner,
    label: Option<String>,
}

impl Files {
    /// What this specification asks for; each file can be made as far as that tells.
    pub(crate) fn of(spec: &Spec<'_>) -> Result<Self, Error> {
        let asked = request::parse_files(spec.annotations())?;
        if asked.is_empty() {
            return Ok(Self { asked, owner: Owner { uid: 0, gid: 0 }, label: None });
        }
        spec.check_places(&asked)?;
        Ok(Self { asked, owner: spec.owner()?, label: spec.mount_label()? })
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// One reference for each.
    pub(crate) fn references(&self) -> impl Iterator<Item = SecretReference> {
        self.asked.iter().map(|file| SecretReference {
            name: file.name.as_str().to_owned(),
            object_id: file.secret.object.to_string(),
            version: file.secret.version.map(|version| version.to_string()).unwrap_or_default(),
            path: file.path.as_str().to_owned(),
        })
    }

    /// Makes the files of their values and has the runtime bind them into the container.
    ///
    /// From then on this process has a mount namespace of its own, and so has the runtime that it becomes.
    pub(crate) fn make(
        &self,
        secrets: Vec<ResolvedSecret>,
        edits: &mut Edits<'_>,
        run_dir: &Path,
    ) -> Result<(), DeliverError> {
        if self.is_empty() {
            return Ok(());
        }
        let values: Vec<SecretBytes> = secrets.into_iter().map(|secret| secret.value.into_secret()).collect();
        let made = deliver::make_files(&values, self.owner, self.label.as_deref(), run_dir)?;
        let binds = made.iter().zip(&self.asked).map(|(source, file)| (source.as_path(), file.path.as_str()));
        Ok(edits.bind(binds)?)
    }
}
