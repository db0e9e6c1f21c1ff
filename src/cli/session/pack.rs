//! Files of this machine as a tar archive.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

/// Writes a file or folder under this name; without one, what is in the folder.
///
/// The owner is root, whoever has them here: the users of a container are others.
pub(super) fn pack(path: &Path, name: Option<&OsStr>, to: impl Write) -> io::Result<()> {
    let mut builder = Builder::new(to);
    // Whoever names a link means what it leads to.
    let metadata = fs::metadata(path)?;
    match name {
        Some(name) => add(&mut builder, path, Path::new(name), &metadata)?,
        None => add_content(&mut builder, path, Path::new(""))?,
    }
    builder.finish()
}

fn add(builder: &mut Builder<impl Write>, path: &Path, name: &Path, metadata: &Metadata) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(metadata.mode() & 0o7777);
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or_default());
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    let kind = metadata.file_type();
    if kind.is_dir() {
        header.set_entry_type(EntryType::Directory);
        builder.append_data(&mut header, name.join(""), io::empty())?;
        add_content(builder, path, name)
    } else if kind.is_file() {
        header.set_size(metadata.len());
        let whole = Whole { file: File::open(path)?.take(metadata.len()), path };
        builder.append_data(&mut header, name, whole)
    } else if kind.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        builder.append_link(&mut header, name, fs::read_link(path)?)
    } else {
        // Nothing is left to do if standard error is closed.
        let _ = writeln!(io::stderr(), "warning: {} is neither a file nor a folder: left out", path.display());
        Ok(())
    }
}

fn add_content(builder: &mut Builder<impl Write>, folder: &Path, name: &Path) -> io::Result<()> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    entries.sort();
    for path in entries {
        let metadata = fs::symlink_metadata(&path)?;
        let file_name = path.file_name().unwrap_or_default();
        add(builder, &path, &name.join(file_name), &metadata)?;
    }
    Ok(())
}

/// A file of the length that was announced: one that has become shorter would take its successors along.
struct Whole<'a> {
    file: io::Take<File>,
    path: &'a Path,
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        if count == 0 && !buffer.is_empty() && self.file.limit() > 0 {
            return Err(io::Error::other(format!("{} became shorter meanwhile", self.path.display())));
        }
        Ok(count)
    }
}
