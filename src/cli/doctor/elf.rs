//! Whether a program needs others to start (elf(5)).

use std::fs;
use std::io;
use std::path::Path;

/// What a program is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Linking {
    Static,
    /// It names an interpreter, which loads libraries.
    Dynamic,
    /// It is no program for 64 bits, lowest byte first, as all are that we build.
    Unknown,
}

/// `PT_INTERP`.
const INTERPRETER: u64 = 3;

pub(super) fn linking(program: &Path) -> io::Result<Linking> {
    Ok(of_bytes(&fs::read(program)?).unwrap_or(Linking::Unknown))
}

fn of_bytes(bytes: &[u8]) -> Option<Linking> {
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) = (number(bytes, 32, 8)?, number(bytes, 54, 2)?, number(bytes, 56, 2)?);
    for index in 0..count {
        let at = table.checked_add(index * size)?;
        if number(bytes, at, 4)? == INTERPRETER {
            return Some(Linking::Dynamic);
        }
    }
    Some(Linking::Static)
}

/// A number of so many bytes, the lowest first.
fn number(bytes: &[u8], at: u64, size: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header and one entry of this type.
    fn program(kind: u8) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (bytes[32], bytes[54], bytes[56], bytes[64]) = (64, 56, 1, kind);
        bytes
    }

    #[test]
    fn the_interpreter_tells() {
        assert_eq!(of_bytes(&program(1)), Some(Linking::Static));
        assert_eq!(of_bytes(&program(3)), Some(Linking::Dynamic));
        assert_eq!(of_bytes(&program(3)[..64]), None);
        assert_eq!(of_bytes(b"#!/bin/sh\n"), None);
        assert_eq!(linking(Path::new("/proc/self/exe")).expect("readable"), Linking::Dynamic);
    }
}
