//! Any text as annotations and environment: refused by name or understood, and what is understood makes sense.
#![no_main]

use std::collections::HashSet;

use ampoule_proto::request::{self, MOST};
use libfuzzer_sys::fuzz_target;

/// Bytes that no UTF-8 has: between records, and between an annotation's key and value.
const RECORD: u8 = 0xff;
const VALUE: u8 = 0xfe;

fuzz_target!(|data: &[u8]| {
    let (mut annotations, mut environment) = (Vec::new(), Vec::new());
    for record in data.split(|byte| *byte == RECORD) {
        let mut parts = record.splitn(2, |byte| *byte == VALUE).map(str::from_utf8);
        match (parts.next(), parts.next()) {
            (Some(Ok(key)), Some(Ok(value))) => annotations.push((key, value)),
            (Some(Ok(entry)), None) => environment.push(entry),
            _ => return,
        }
    }
    match request::parse_files(annotations.clone()) {
        Ok(files) => {
            let apart = |at: usize| files[at + 1..].iter().all(|other| !other.path.collides(&files[at].path));
            // Every pair of a thousand would take too long.
            assert!(files.len() <= MOST && (0..files.len().min(8)).all(apart));
            assert!(
                files.iter().all(|file| file.path.as_str().starts_with('/') && !file.path.as_str().contains("/../"))
            );
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains(char::is_control), "an error is one line: {text:?}");
        }
    }
    match request::parse(annotations, environment) {
        Ok(requests) => {
            let names: HashSet<_> = requests.iter().map(|request| request.name.as_str()).collect();
            assert!(names.len() == requests.len() && requests.len() <= MOST);
            assert!(names.iter().all(|name| !name.is_empty() && !name.contains(['=', '\0'])));
        }
        Err(error) => {
            let text = error.to_string();
            assert!(!text.contains(char::is_control), "an error is one line: {text:?}");
        }
    }
});
