//! Golden files: what is said about a request, beside the request.

use std::fs;
use std::path::{Path, PathBuf};

/// The files of a folder below `fixtures/` that are no golden ones, sorted.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.expect("entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "txt"));
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

/// What an error calls the file.
pub(crate) fn name(file: &Path) -> String {
    file.file_name().expect("a name").to_str().expect("UTF-8").to_owned()
}

/// Compares with `FILE.txt`, or writes it anew if `AMPOULE_REGENERATE` is set; what differs.
#[allow(
    clippy::disallowed_methods,
    reason = "whether files are compared or written is what the caller of the tests says"
)]
pub(crate) fn difference(file: &Path, said: &str) -> Option<String> {
    let golden = PathBuf::from(format!("{}.txt", file.display()));
    if std::env::var_os("AMPOULE_REGENERATE").is_some() {
        fs::write(&golden, format!("{said}\n")).expect("golden file");
        return None;
    }
    let kept = fs::read_to_string(&golden).unwrap_or_default();
    (kept.trim_end() != said).then(|| format!("{}\n  kept:\n{kept}\n  now:\n{said}", golden.display()))
}

/// The text as it is cut off, lacks a character or has another there, at places that are spread over it.
pub(crate) fn broken(text: &str) -> impl Iterator<Item = String> {
    let places = text.char_indices().map(|(at, _)| at).step_by(7);
    places.zip("\"':{[*&!\n\t,}]#=\u{0}".chars().cycle()).flat_map(move |(at, other)| {
        let (before, after) = text.split_at(at);
        let rest = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
        [before.to_owned(), format!("{before}{rest}"), format!("{before}{other}{rest}")]
    })
}
