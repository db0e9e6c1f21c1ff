//! A file of an engine's settings: replaced whole, so that nobody ever reads half of one.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::super::CliError;
use super::fault::Fault;

/// What the copy's name has after the file's.
const BACKUP: &str = ".ampoule-backup";

/// The file, where links lead.
pub(super) struct SettingsFile {
    path: PathBuf,
}

impl SettingsFile {
    pub(super) fn at(named: &Path) -> Result<Self, CliError> {
        match fs::canonicalize(named) {
            // The one that is often named where there is none; nobody writes it, see `Target::check_place`.
            Ok(path) if path.is_file() || path == Path::new("/dev/null") => Ok(Self { path }),
            Ok(path) => Err(CliError::Program {
                reason: format!("{} is no file", path.display()),
                remedy: "Name the engine's settings with --file.".to_owned(),
            }),
            Err(error) if error.kind() != ErrorKind::NotFound => Err(read_failed(named, error)),
            Err(_) if named.is_symlink() => Err(CliError::Program {
                reason: format!("{} is a link that leads nowhere", named.display()),
                remedy: "Make the file that it leads to, or remove the link.".to_owned(),
            }),
            Err(_) => Ok(Self { path: named.to_owned() }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its text, if it is there.
    pub(super) fn read(&self) -> Result<Option<String>, CliError> {
        read(&self.path)
    }

    /// Where it is kept as it was before.
    pub(super) fn backup_path(&self) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(BACKUP);
        PathBuf::from(name)
    }

    /// The text that was kept.
    pub(super) fn backup(&self) -> Result<Option<String>, CliError> {
        read(&self.backup_path())
    }

    /// Keeps this text, which is the file's own.
    pub(super) fn keep(&self, text: &str) -> Result<(), CliError> {
        self.replace(&self.backup_path(), text)
    }

    /// Replaces the text; mode and owner stay.
    pub(super) fn write(&self, text: &str) -> Result<(), CliError> {
        self.replace(&self.path, text)
    }

    pub(super) fn remove(&self) -> Result<(), CliError> {
        remove(&self.path)
    }

    /// Forgets what was kept, if anything was.
    pub(super) fn remove_backup(&self) -> Result<(), CliError> {
        remove(&self.backup_path())
    }

    /// An error that names a place in the file.
    pub(super) fn at_fault(&self, fault: &Fault) -> CliError {
        CliError::Place(format!("{}:{fault}\nCorrect that place: nothing was written.", self.path.display()))
    }

    /// Writes beside the file, with its mode and owner, then renames.
    fn replace(&self, to: &Path, text: &str) -> Result<(), CliError> {
        let written = || -> io::Result<()> {
            let folder = to.parent().unwrap_or(Path::new("/"));
            DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
            let mut file = NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            like(&self.path, file.as_file())?;
            file.as_file().sync_all()?;
            file.persist(to)?;
            fs::File::open(folder)?.sync_all()
        };
        written().map_err(|error| write_failed(to, error))
    }
}

/// Gives a new file mode and owner of the one that it replaces.
fn like(model: &Path, file: &fs::File) -> io::Result<()> {
    let Ok(model) = fs::metadata(model) else { return file.set_permissions(Permissions::from_mode(0o644)) };
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (model.uid(), model.gid()) {
        fchown(file, Some(model.uid()), Some(model.gid()))?;
    }
    // After the owner: a change of that takes bits away.
    file.set_permissions(Permissions::from_mode(model.mode() & 0o777))
}

fn read(path: &Path) -> Result<Option<String>, CliError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(read_failed(path, error)),
    };
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let fault = Fault::at(&text, valid, "this is not UTF-8".to_owned());
        CliError::Place(format!("{}:{fault}\nCorrect that place: nothing was written.", path.display()))
    })
}

fn remove(path: &Path) -> Result<(), CliError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(write_failed(path, error)),
        _ => Ok(()),
    }
}

fn read_failed(path: &Path, error: io::Error) -> CliError {
    if error.kind() == ErrorKind::PermissionDenied {
        return not_allowed(path, "read");
    }
    CliError::Read { path: path.to_owned(), error }
}

fn write_failed(path: &Path, error: io::Error) -> CliError {
    if error.kind() == ErrorKind::PermissionDenied {
        return not_allowed(path, "changed");
    }
    CliError::Write { path: path.to_owned(), error }
}

fn not_allowed(path: &Path, what: &str) -> CliError {
    CliError::Program {
        reason: format!("{} can't be {what} by this user", path.display()),
        remedy: "Do it as root, or add --rootless for an engine of your own.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced_with_its_mode() {
        let folder = tempfile::tempdir().expect("folder");
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        fs::write(&real, "old").expect("file");
        fs::set_permissions(&real, Permissions::from_mode(0o640)).expect("mode");
        symlink("real", &link).expect("link");
        let file = SettingsFile::at(&link).expect("file");
        file.keep("old").expect("kept");
        file.write("new").expect("written");
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).expect("text"), "new");
        assert_eq!(file.backup().expect("kept").as_deref(), Some("old"));
        for path in [&real, &file.backup_path()] {
            assert_eq!(fs::metadata(path).expect("meta").mode() & 0o7777, 0o640);
        }
    }

    #[test]
    fn a_link_to_nothing_and_what_is_no_text_are_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let link = folder.path().join("link");
        symlink("nothing", &link).expect("link");
        assert!(SettingsFile::at(&link).err().expect("refused").to_string().contains("leads nowhere"));
        let path = folder.path().join("file");
        fs::write(&path, b"{\n \xff").expect("file");
        let error = SettingsFile::at(&path).expect("file").read().expect_err("refused").to_string();
        assert!(error.contains("file:2:2: this is not UTF-8"), "{error}");
    }
}
