//! The `.proto` files as server reflection tells them.

/// A `.proto` file.
pub struct File {
    /// Its name, by which others import it.
    pub name: &'static str,
    /// Its own place in [`FILES`], then those of all that it imports, at however many removes.
    pub closure: &'static [usize],
    /// The full names of its services.
    pub services: &'static [&'static str],
    /// The full names of its services, methods, messages and enums.
    pub symbols: &'static [&'static str],
    /// The serialized `google.protobuf.FileDescriptorProto`.
    pub descriptor: &'static [u8],
}

/// Every file of this crate, and every one that these import.
pub static FILES: &[File] = &include!("gen/descriptors.rs");
