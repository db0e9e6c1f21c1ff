//! What is mounted in a container: each place once.

use std::collections::HashMap;

use super::forms;
use crate::domain::instance::{ContainerPath, HostMount, Persistency, VolumeSpec};
use crate::domain::submitted::{Cursor, Fields};

/// Where something is mounted first.
pub(super) struct MountPoints {
    first: HashMap<ContainerPath, String>,
}

impl MountPoints {
    /// Those of volumes that every container gets.
    pub(super) fn of(shared: &[(String, VolumeSpec)]) -> Self {
        let entry = |(path, volume): &(String, VolumeSpec)| (volume.mount_point.clone(), path.clone());
        Self { first: shared.iter().map(entry).collect() }
    }

    /// Remarks upon a place that is taken.
    pub(super) fn take(&mut self, path: &ContainerPath, cursor: &Cursor<'_>) {
        if let Some(first) = self.first.get(path) {
            cursor.mistake(format_args!("{first} is mounted there too: choose another path"));
        } else {
            self.first.insert(path.clone(), cursor.path().to_owned());
        }
    }
}

/// The volumes of an Instance or a container, each with its path. Their places count once among themselves.
pub(super) fn volumes(fields: &Fields<'_>) -> Vec<(String, VolumeSpec)> {
    let mut points = MountPoints::of(&[]);
    volumes_at(fields, &mut points)
}

pub(super) fn volumes_at(fields: &Fields<'_>, points: &mut MountPoints) -> Vec<(String, VolumeSpec)> {
    fields.list("volumes").iter().filter_map(|cursor| volume(cursor, points)).collect()
}

fn volume(cursor: &Cursor<'_>, points: &mut MountPoints) -> Option<(String, VolumeSpec)> {
    let fields = cursor.fields(&forms::VOLUME)?;
    let place = fields.need("mount_point", "a volume needs a path in the container: add it");
    let mount_point = place.and_then(Cursor::parse::<ContainerPath>);
    if let (Some(place), Some(path)) = (place, &mount_point) {
        points.take(path, place);
    }
    let tag = fields.need("tag", "a volume needs a tag, by which it is found again: add it").and_then(Cursor::parse);
    let size = fields.given("size_mb").and_then(|size| {
        let megabytes = u64::try_from(size.integer(&(0..=i64::MAX))?).ok().filter(|megabytes| *megabytes > 0)?;
        size.warning("the engine of this host doesn't limit the size of a volume: it may grow beyond this");
        Some(megabytes)
    });
    let kinds = [
        ("PERSISTENCY_UNKNOWN", 0, Persistency::Persistent),
        ("PERSISTENT", 1, Persistency::Persistent),
        ("CACHE", 2, Persistency::Cache),
    ];
    let persistency = fields.get("persistency_kind").and_then(|kind| kind.choice(&kinds)).unwrap_or_default();
    let volume = VolumeSpec { mount_point: mount_point?, tag: tag?, size_megabytes: size, persistency };
    Some((place?.path().to_owned(), volume))
}

/// What of the host is mounted.
pub(super) fn host_mounts(fields: &Fields<'_>, points: &mut MountPoints) -> Vec<HostMount> {
    let mut mount = |cursor: &Cursor<'_>| {
        let fields = cursor.fields(&forms::HOST_MOUNT)?;
        let host = fields.need("host_path", "a mount needs a path of the host: add it").and_then(Cursor::parse);
        let place = fields.need("container_path", "a mount needs a path in the container: add it");
        let container = place.and_then(Cursor::parse::<ContainerPath>);
        if let (Some(place), Some(path)) = (place, &container) {
            points.take(path, place);
        }
        let readonly = fields.flag("readonly");
        Some(HostMount { host: host?, container: container?, readonly })
    };
    fields.list("host_mount").iter().filter_map(&mut mount).collect()
}
