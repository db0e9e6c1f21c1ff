//! The search for a value in places where it must not be.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use memchr::memmem::Finder;

/// A value in every encoding in which a program might keep it.
pub(crate) struct Needle {
    value: String,
    forms: Vec<Finder<'static>>,
}

impl Needle {
    /// A new random value: letters and digits, so that no quoting changes it.
    pub(crate) fn random() -> Self {
        const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789";
        let mut random = [0; 45];
        getrandom::fill(&mut random).expect("randomness");
        Self::new(random.iter().map(|&byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])).collect())
    }

    /// A value that is known already.
    pub(crate) fn new(value: String) -> Self {
        let mut forms = vec![value.as_bytes().to_vec(), hex(&value).into_bytes(), hex(&value).to_uppercase().into()];
        for skip in 0..3 {
            // What stands before the value moves it against base64's groups of three bytes; the whole groups inside
            // it look the same in any surroundings.
            let groups = value.as_bytes()[skip..].chunks_exact(3).flatten().copied().collect::<Vec<u8>>();
            forms.extend([STANDARD.encode(&groups).into_bytes(), URL_SAFE.encode(&groups).into_bytes()]);
        }
        Self { value, forms: forms.iter().map(|form| Finder::new(form).into_owned()).collect() }
    }

    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    pub(crate) fn is_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| form.find(bytes).is_some())
    }

    /// The places below a folder that hold the value: contents, names and the targets of links.
    ///
    /// A folder that isn't there holds nothing. Links aren't followed, and pipes and devices aren't opened.
    pub(crate) fn search(&self, folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        self.search_into(folder, &mut found).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        found
    }

    fn search_into(&self, path: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
        // What a running container removes meanwhile is not there any more.
        let Some(meta) = present(fs::symlink_metadata(path))? else { return Ok(()) };
        let kind = meta.file_type();
        let held = if kind.is_dir() {
            for entry in present(fs::read_dir(path))?.into_iter().flatten() {
                self.search_into(&entry?.path(), found)?;
            }
            false
        } else if kind.is_symlink() {
            present(fs::read_link(path))?.is_some_and(|target| self.is_in(target.as_os_str().as_bytes()))
        } else if kind.is_file() {
            assert!(meta.len() < 1 << 28, "{} is too large to be searched", path.display());
            present(fs::read(path))?.is_some_and(|content| self.is_in(&content))
        } else {
            false
        };
        if held || self.is_in(path.file_name().unwrap_or(OsStr::new("")).as_bytes()) {
            found.push(path.to_owned());
        }
        Ok(())
    }

    /// The processes of the machine with the value in an argument, and those for which `environment_of` says so with
    /// the value in their environment.
    pub(crate) fn search_processes(&self, environment_of: impl Fn(u32) -> bool) -> Vec<PathBuf> {
        let processes = fs::read_dir("/proc").expect("/proc").flatten().filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, entry.path()))
        });
        let mut found = Vec::new();
        for (pid, path) in processes {
            let mut files = vec![path.join("cmdline")];
            if environment_of(pid) {
                files.push(path.join("environ"));
            }
            // A process may end between the listing and the reading.
            found.extend(files.into_iter().filter(|file| fs::read(file).is_ok_and(|content| self.is_in(&content))));
        }
        found
    }
}

fn hex(value: &str) -> String {
    use std::fmt::Write as _;
    value.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}

fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::support::rig::temporary_folder;

    #[test]
    fn every_encoding_is_found_wherever_it_stands() {
        let needle = Needle::random();
        let text = needle.value();
        for before in ["", "x", "xy", "xyz"] {
            let inside = format!("{before}{text}#");
            let upper = hex(&inside).to_uppercase();
            for kept in [inside.clone(), STANDARD.encode(&inside), URL_SAFE.encode(&inside), hex(&inside), upper] {
                assert!(needle.is_in(kept.as_bytes()), "after {} bytes", before.len());
            }
        }
        assert!(!needle.is_in(Needle::random().value().as_bytes()));
    }

    #[test]
    fn contents_names_and_links_are_searched() {
        let needle = Needle::random();
        let folder = temporary_folder();
        let deep = folder.path().join("a/b");
        fs::create_dir_all(&deep).expect("folder");
        fs::write(deep.join("content"), format!("before {} after", needle.value())).expect("file");
        fs::write(deep.join(hex(needle.value())), "").expect("file");
        symlink(needle.value(), deep.join("link")).expect("link");
        fs::write(deep.join("innocent"), "nothing").expect("file");
        let mut found = needle.search(folder.path());
        found.sort();
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(needle.search(&folder.path().join("absent")).is_empty());
    }
}
