//! A tar archive that comes from a container, as files of this machine.
//!
//! Whoever is in the container may have made it. So nothing is written but below the destination, whatever the archive says: each
//! path is walked folder by folder, and a link is never followed. What is no file, folder or link is left out.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, fchmod, futimens, linkat, mkdirat, open, openat,
    statat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use tar::{Archive, Entry, EntryType};

use super::super::CliError;

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::RDONLY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Where an archive goes.
#[derive(Debug)]
pub(super) struct Destination {
    folder: OwnedFd,
    /// What its first entry becomes; nothing if what is in that goes into the folder.
    name: Option<OsString>,
}

impl Destination {
    /// In a folder that is there, under this name; or under another one in the folder above.
    pub(super) fn find(local: &Path, name: Option<OsString>) -> Result<Self, CliError> {
        let failed = |error| CliError::Write { path: local.to_owned(), error };
        // Links that the caller has named are the caller's own.
        let local = local.canonicalize().unwrap_or_else(|_| local.to_owned());
        let opened = |folder: &Path| {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            open(folder, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                .map_err(|error| failed(error.into()))
        };
        if local.is_dir() {
            return Ok(Self { folder: opened(&local)?, name });
        }
        let other = || failed(io::Error::other("it is neither a file nor a folder: `-` is standard output"));
        if local.exists() && !local.is_file() {
            return Err(other());
        }
        let (Some(folder), Some(file_name)) = (local.parent(), local.file_name()) else { return Err(other()) };
        Ok(Self { folder: opened(folder)?, name: Some(file_name.to_owned()) })
    }

    /// The parts of the path that an entry gets; none for the folder itself.
    fn parts<'a>(&'a self, path: &'a Path) -> io::Result<Vec<&'a OsStr>> {
        let mut parts = Vec::new();
        for component in path.components() {
            match component {
                Component::Normal(part) => parts.push(part),
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                    return Err(io::Error::other(format!(
                        "the archive has a path that leads elsewhere: {}",
                        path.display()
                    )));
                }
            }
        }
        let rest = parts.split_off(parts.len().min(1));
        Ok(self.name.as_deref().into_iter().chain(rest).collect())
    }

    /// The folder of these parts, which is made if it isn't there.
    fn folder(&self, parts: &[&OsStr]) -> io::Result<OwnedFd> {
        let mut folder = self.folder.try_clone()?;
        for part in parts {
            let next = openat(&folder, *part, FOLDER, Mode::empty());
            let next = match next {
                Err(Errno::NOENT) => {
                    mkdirat(&folder, *part, Mode::RWXU)?;
                    openat(&folder, *part, FOLDER, Mode::empty())
                }
                other => other,
            };
            folder = next.map_err(|error| match error {
                Errno::LOOP | Errno::NOTDIR => {
                    io::Error::other(format!("{} is there and is no folder: links are not followed", part.display()))
                }
                error => error.into(),
            })?;
        }
        Ok(folder)
    }
}

/// Unpacks all of it.
pub(super) fn unpack(from: impl Read, to: &Destination) -> io::Result<()> {
    let mut archive = Archive::new(from);
    // A folder that can't be written is filled first.
    let mut folders = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let parts = to.parts(&path)?;
        let (mode, time) = (mode(&entry)?, times(&entry));
        let Some((name, above)) = parts.split_last() else { continue };
        match entry.header().entry_type() {
            EntryType::Directory => {
                to.folder(&parts)?;
                folders.push((path.clone(), mode, time));
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let folder = to.folder(above)?;
                make_room(&folder, name)?;
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let mut file = File::from(openat(&folder, *name, flags, Mode::RUSR | Mode::WUSR)?);
                io::copy(&mut entry, &mut file)?;
                fchmod(&file, mode)?;
                futimens(&file, &time)?;
            }
            EntryType::Symlink => {
                let target = entry.link_name()?.ok_or(io::ErrorKind::InvalidData)?.into_owned();
                let folder = to.folder(above)?;
                make_room(&folder, name)?;
                symlinkat(&target, &folder, *name)?;
            }
            EntryType::Link => {
                let target = entry.link_name()?.ok_or(io::ErrorKind::InvalidData)?.into_owned();
                let target = to.parts(&target)?;
                let (target_name, target_above) = target.split_last().ok_or(io::ErrorKind::InvalidData)?;
                let (folder, target_folder) = (to.folder(above)?, to.folder(target_above)?);
                make_room(&folder, name)?;
                linkat(&target_folder, *target_name, &folder, *name, AtFlags::empty())?;
            }
            _ => {
                // Nothing is left to do if standard error is closed.
                let _ =
                    writeln!(io::stderr(), "warning: {:?} is neither a file nor a folder: left out", path.display());
            }
        }
    }
    for (path, mode, time) in folders.into_iter().rev() {
        let folder = to.folder(&to.parts(&path)?)?;
        fchmod(&folder, mode)?;
        futimens(&folder, &time)?;
    }
    Ok(())
}

/// Takes away what an entry replaces: a file or a link, and nothing else.
fn make_room(folder: impl AsFd, name: &OsStr) -> io::Result<()> {
    let found = match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        found => found?,
    };
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile | FileType::Symlink => Ok(unlinkat(&folder, name, AtFlags::empty())?),
        _ => Err(io::Error::other(format!("{} is there and is no file", name.display()))),
    }
}

/// Who may what; not as whom, which would be somebody else here.
fn mode<R: Read>(entry: &Entry<'_, R>) -> io::Result<Mode> {
    Ok(Mode::from_raw_mode(entry.header().mode()? & 0o777))
}

fn times<R: Read>(entry: &Entry<'_, R>) -> Timestamps {
    let unchanged = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
    let changed = entry.header().mtime().ok().and_then(|seconds| i64::try_from(seconds).ok());
    Timestamps {
        last_access: unchanged,
        last_modification: changed.map_or(unchanged, |tv_sec| Timespec { tv_sec, tv_nsec: 0 }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use tar::{Builder, Header};

    use super::*;

    /// An entry as no well-meant program writes it.
    fn add(builder: &mut Builder<Vec<u8>>, kind: EntryType, name: &str, link: &str, content: &str) {
        let mut header = Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o6755);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).expect("added");
    }

    fn archive(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (kind, name, link) in entries {
            add(&mut builder, *kind, name, link, if *kind == EntryType::Regular { "evil" } else { "" });
        }
        builder.into_inner().expect("an archive")
    }

    #[test]
    fn nothing_is_written_outside_the_destination() {
        use EntryType::{Char, Directory, Fifo, Link, Regular, Symlink};
        for entries in [
            &[(Regular, "a/../../stolen", "")][..],
            &[(Regular, "../stolen", "")],
            &[(Regular, "a/b/../../../stolen", "")],
            &[(Regular, "/OUT/stolen", "")],
            // Through a link that the archive has made.
            &[(Directory, "a", ""), (Symlink, "a/link", "OUT"), (Regular, "a/link/stolen", "")],
            &[
                (Directory, "a", ""),
                (Symlink, "a/link", "OUT/stolen"),
                (Directory, "a/link", ""),
                (Regular, "a/link/x", ""),
            ],
            &[(Symlink, "a", "OUT"), (Regular, "a/stolen", "")],
            &[(Symlink, "a", "OUT"), (Directory, "a/stolen", "")],
            &[(Directory, "a", ""), (Symlink, "a/link", "OUT"), (Link, "a/hard", "a/link/kept")],
            &[(Directory, "a", ""), (Link, "a/hard", "OUT/kept"), (Regular, "a/hard", "")],
            &[(Directory, "a", ""), (Link, "a/hard", "../../out/kept"), (Regular, "a/hard", "")],
            // Through one that was there.
            &[(Directory, "a", ""), (Regular, "a/mine/stolen", "")],
            &[(Directory, "a", ""), (Regular, "a/file", ""), (Fifo, "a/fifo", ""), (Char, "a/device", "")],
            &[(Directory, "a", ""), (Symlink, "a/to", "OUT/kept"), (Regular, "a/to", "")],
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let (out, into) = (folder.path().join("out"), folder.path().join("into"));
            fs::create_dir_all(into.join("a")).and_then(|()| fs::create_dir(&out)).expect("folders");
            fs::write(out.join("kept"), "good").expect("written");
            symlink(&out, into.join("a/mine"))
                .and_then(|()| symlink(out.join("kept"), into.join("a/file")))
                .expect("links");
            let there = out.to_str().expect("UTF-8");
            let placed: Vec<_> = entries
                .iter()
                .map(|(kind, name, link)| (*kind, name.replace("/OUT", there), link.replace("OUT", there)))
                .collect();
            let entries: Vec<_> =
                placed.iter().map(|(kind, name, link)| (*kind, name.as_str(), link.as_str())).collect();
            let archive = archive(&entries);
            for name in [Some("a".into()), None] {
                let _ = unpack(&archive[..], &Destination::find(&into, name).expect("a destination"));
                let found: Vec<_> =
                    fs::read_dir(&out).expect("read").flatten().map(|entry| entry.file_name()).collect();
                assert_eq!(found, ["kept"], "{entries:?}");
                assert_eq!(fs::read_to_string(out.join("kept")).expect("read"), "good", "{entries:?}");
                assert_eq!(fs::metadata(out.join("kept")).expect("kept").nlink(), 1, "{entries:?}");
                let mut above: Vec<_> =
                    fs::read_dir(folder.path()).expect("read").flatten().map(|entry| entry.file_name()).collect();
                above.sort();
                assert_eq!(above, ["into", "out"], "{entries:?}");
                assert!(!into.join("a/fifo").exists() && !into.join("a/device").exists());
            }
        }
    }

    #[test]
    fn a_file_takes_the_place_of_another_and_has_no_powers() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("file");
        fs::write(&target, "before").expect("written");
        let archive = archive(&[(EntryType::Regular, "there", "")]);
        unpack(&archive[..], &Destination::find(&target, Some("there".into())).expect("a destination"))
            .expect("unpacked");
        assert_eq!(fs::read_to_string(&target).expect("read"), "evil");
        assert_eq!(fs::metadata(&target).expect("there").mode() & 0o7777, 0o755);
        let device = Destination::find(Path::new("/dev/null"), Some("there".into()));
        assert!(device.expect_err("no file").to_string().contains("neither a file nor a folder"));
        assert!(unpack(&archive[..300], &Destination::find(&target, None).expect("a destination")).is_err());
    }
}
