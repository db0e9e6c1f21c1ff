//! What the settings of podman and containerd have in common: TOML in which all else stays as it is.

use toml_edit::{Array, Document, DocumentMut, Item, Table, TableLike, Value};

use super::fault::Fault;

/// A kind of value that a key must have, if it is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    List,
}

/// Reads a whole text. What stands at these places must be of these kinds.
pub(super) fn parse(text: &str, places: &[(&[&str], Kind)]) -> Result<DocumentMut, Fault> {
    let document = Document::parse(text).map_err(|error| Fault::of_toml(text, &error))?;
    for (names, kind) in places {
        check(text, document.as_item(), names, *kind)?;
    }
    Ok(document.into_mut())
}

/// Every name but the last must be a table's.
fn check<'a>(text: &str, mut item: &'a Item, names: &'a [&str], kind: Kind) -> Result<(), Fault> {
    for (at, name) in names.iter().enumerate() {
        let Some(next) = item.get(name) else { return Ok(()) };
        let kind = if at + 1 == names.len() { kind } else { Kind::Table };
        let (fits, what) = match kind {
            Kind::Table => (next.is_table_like(), "a table"),
            Kind::List => (next.is_array(), "a list"),
        };
        if !fits {
            let place = next.span().map_or(0, |span| span.start);
            return Err(Fault::at(text, place, format!("`{name}` is not {what}")));
        }
        item = next;
    }
    Ok(())
}

/// The text of a document that was made from this one.
pub(super) fn written(document: &DocumentMut, before: &str) -> String {
    let text = document.to_string();
    if before.contains("\r\n") { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text }
}

/// The table of this name, made if it isn't there; none if something else has the name.
pub(super) fn child<'a>(parent: &'a mut dyn TableLike, name: &str, implicit: bool) -> Option<&'a mut dyn TableLike> {
    let made = || {
        let mut table = Table::new();
        table.set_implicit(implicit);
        Item::Table(table)
    };
    parent.entry(name).or_insert_with(made).as_table_like_mut()
}

/// The table at the end of these names, if it is there.
pub(super) fn find<'a>(root: &'a dyn TableLike, names: &[&str]) -> Option<&'a dyn TableLike> {
    names.iter().try_fold(root, |table, name| table.get(name)?.as_table_like())
}

/// The same, to be changed.
pub(super) fn find_mut<'a>(root: &'a mut dyn TableLike, names: &[&str]) -> Option<&'a mut dyn TableLike> {
    let Some((first, rest)) = names.split_first() else { return Some(root) };
    find_mut(root.get_mut(first)?.as_table_like_mut()?, rest)
}

/// Has a list hold these texts, and makes the list from `others` if it isn't there.
pub(super) fn include(table: &mut dyn TableLike, key: &str, texts: &[&str], others: &[String]) {
    let made = || Item::Value(Value::Array(others.iter().collect::<Array>()));
    let Some(list) = table.entry(key).or_insert_with(made).as_array_mut() else { return };
    for text in texts {
        if !list.iter().any(|item| item.as_str() == Some(text)) {
            list.push(*text);
        }
    }
}

/// The texts of a list.
pub(super) fn texts(list: &Array) -> Vec<String> {
    list.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}
