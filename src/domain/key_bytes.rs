//! The bytes of a key, and where they lie.

use std::io;

use memmap2::{Advice, MmapMut};
use zeroize::Zeroize;

/// A 256-bit key, wiped when dropped. Moving it moves none of its bytes. No `Debug`, no `Clone`.
pub struct KeyBytes(Place);

enum Place {
    Heap(Heap),
    Page(Page),
}

impl KeyBytes {
    /// The length in bytes.
    pub const LEN: usize = 32;

    /// Zeros, to be filled.
    pub fn zero() -> Self {
        Self(Place::Heap(Heap(Box::new([0; Self::LEN]))))
    }

    /// Moves them into a page of their own, which is neither swapped out nor dumped. Where the process may lock no more
    /// (`RLIMIT_MEMLOCK`) they stay where they are.
    pub fn lock(&mut self) -> io::Result<()> {
        if let Place::Heap(bytes) = &self.0 {
            self.0 = Place::Page(Page::new(&bytes.0)?);
        }
        Ok(())
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8; Self::LEN] {
        match &self.0 {
            Place::Heap(bytes) => &bytes.0,
            Place::Page(page) => page.0.first_chunk().unwrap_or_else(|| unreachable!("{}", Page::LENGTH)),
        }
    }

    /// The bytes, to be filled.
    pub fn expose_mut(&mut self) -> &mut [u8; Self::LEN] {
        match &mut self.0 {
            Place::Heap(bytes) => &mut bytes.0,
            Place::Page(page) => page.0.first_chunk_mut().unwrap_or_else(|| unreachable!("{}", Page::LENGTH)),
        }
    }
}

struct Heap(Box<[u8; KeyBytes::LEN]>);

impl Drop for Heap {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

struct Page(MmapMut);

impl Page {
    const LENGTH: &str = "it was mapped with the length of a key";

    fn new(bytes: &[u8; KeyBytes::LEN]) -> io::Result<Self> {
        let mut page = MmapMut::map_anon(bytes.len())?;
        page.lock()?;
        page.advise(Advice::DontDump)?;
        page.copy_from_slice(bytes);
        Ok(Self(page))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_key_is_the_same_key() {
        let mut key = KeyBytes::zero();
        key.expose_mut().fill(7);
        for _ in 0..2 {
            key.lock().expect("a page");
            assert_eq!(*key.expose(), [7; KeyBytes::LEN]);
        }
        key.expose_mut().fill(8);
        assert_eq!(*key.expose(), [8; KeyBytes::LEN]);
    }
}
