//! A value on its way in: typed, from a file, or kept from an attempt before. It is never written into a page.

use super::super::Desk;
use super::super::visit::Fields;
use crate::domain::{InvalidObject, SecretBytes, SecretValue};
use crate::vault::Error;

/// A value that was kept in memory for the next attempt.
#[derive(Default)]
pub(super) struct Kept {
    /// What it is asked for by.
    pub(super) name: String,
    /// How long it is.
    pub(super) bytes: usize,
}

/// The value that a form brings along: of a file, else what was typed, else the one that was kept.
pub(super) fn read(desk: &Desk<'_>, form: &Fields) -> SecretBytes {
    let (file, typed) = (form.get("file"), form.get("value"));
    // Whatever is used now: it is kept no longer.
    let kept = desk.dashboard.sessions.take_draft(desk.signed.key, form.get("kept"));
    if !file.is_empty() {
        return SecretBytes::from(file.to_owned());
    }
    if !typed.is_empty() {
        // Browsers end each line of a form as MIME does; nobody has typed that.
        return SecretBytes::from(typed.replace("\r\n", "\n"));
    }
    kept.unwrap_or_else(|| SecretBytes::from(String::new()))
}

/// The same as the vault takes it.
pub(super) fn checked(bytes: &SecretBytes) -> Result<SecretValue, Error> {
    let value = SecretValue::new(SecretBytes::from(bytes.expose().to_vec()));
    value.map_err(|error| {
        let from_file = bytes.expose() == b"\0not UTF-8";
        if from_file { InvalidObject::ValueNotUtf8 } else { error }.into()
    })
}

/// Keeps it for the next attempt.
pub(super) fn keep(desk: &Desk<'_>, value: SecretBytes) -> Kept {
    let bytes = value.len();
    if bytes == 0 || bytes > SecretValue::MOST {
        return Kept::default();
    }
    let name = desk.dashboard.sessions.keep_draft(desk.signed.key, value);
    desk.dashboard.sessions.forget_in_time();
    name.map(|name| Kept { name, bytes }).unwrap_or_default()
}
