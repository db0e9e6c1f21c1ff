//! What commands print: text for people, JSON for programs.

use std::io::{self, IsTerminal, Write};

use ampoule_proto::messages::namespace::cloud::vault::v1beta::VaultObjectMetadata;
use buffa_types::google::protobuf::Timestamp as WireTimestamp;
use serde::Serialize;

use super::{CliError, Context};
use crate::domain::Timestamp;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    #[default]
    Table,
    Json,
}

/// The flag that says how.
#[derive(clap::Args)]
pub(super) struct OutputFlag {
    /// How the result is printed: for people, or for programs
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}

/// The metadata of one version, under the names of the proto fields.
#[derive(Serialize)]
pub(super) struct Metadata {
    pub(super) object_id: String,
    pub(super) description: String,
    pub(super) version: String,
    pub(super) created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deleted_at: Option<Timestamp>,
    pub(super) labels: Vec<Label>,
}

/// A label of a secret.
#[derive(Serialize)]
pub(super) struct Label {
    name: String,
    value: String,
}

impl From<VaultObjectMetadata> for Metadata {
    fn from(wire: VaultObjectMetadata) -> Self {
        let label =
            |label: ampoule_proto::messages::namespace::stdlib::Label| Label { name: label.name, value: label.value };
        Self {
            object_id: wire.object_id,
            description: wire.description,
            version: wire.version,
            created_at: wire.created_at.into_option().and_then(|at| timestamp(&at)),
            deleted_at: wire.deleted_at.into_option().and_then(|at| timestamp(&at)),
            labels: wire.labels.into_iter().map(label).collect(),
        }
    }
}

pub(super) fn timestamp(wire: &WireTimestamp) -> Option<Timestamp> {
    Timestamp::new(wire.seconds, wire.nanos).ok()
}

/// A time to the second, in UTC.
pub(super) fn time(at: Option<Timestamp>) -> String {
    at.map(|at| format!("{at:.0}")).unwrap_or_default()
}

impl Metadata {
    /// Field by field.
    pub(super) fn text(&self) -> String {
        let labels: Vec<String> = self.labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect();
        let mut lines = vec![
            ("Object ID:", self.object_id.clone()),
            ("Description:", self.description.clone()),
            ("Version:", self.version.clone()),
            ("Created At:", time(self.created_at)),
        ];
        if self.deleted_at.is_some() {
            lines.push(("Deleted At:", time(self.deleted_at)));
        }
        lines.push(("Labels:", labels.join(",")));
        lines.iter().map(|(name, value)| format!("{name:<13}{}", visible(value)).trim_end().to_owned() + "\n").collect()
    }
}

/// Prints metadata as it was asked for.
pub(super) fn print_metadata(metadata: &Metadata, format: Format) -> Result<(), CliError> {
    match format {
        Format::Table => print(&metadata.text()),
        Format::Json => print_json(metadata),
    }
}

/// Prints JSON, indented.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| CliError::Output(error.into()))?;
    print(&(text + "\n"))
}

/// Prints text, all of it or an error.
pub(super) fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Output)
}

/// Prints a value and nothing else; on a terminal the line is ended too.
pub(super) fn print_value(value: &str) -> Result<(), CliError> {
    print(value)?;
    if io::stdout().is_terminal() && !value.ends_with('\n') { print("\n") } else { Ok(()) }
}

/// Prints rows under headings: aligned on a terminal, separated by tabs elsewhere.
pub(super) fn print_table<const N: usize>(
    context: &Context,
    headings: [&str; N],
    rows: &[[String; N]],
) -> Result<(), CliError> {
    let terminal = io::stdout().is_terminal();
    let rows: Vec<[String; N]> = rows.iter().map(|row| row.each_ref().map(|cell| visible(cell))).collect();
    if !terminal {
        let lines = rows.iter().map(|row| row.join("\t") + "\n");
        return print(&(headings.join("\t") + "\n" + &lines.collect::<String>()));
    }
    print(&aligned(headings, &rows, !context.environment.no_color()))
}

fn aligned<const N: usize>(headings: [&str; N], rows: &[[String; N]], colour: bool) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let heading = if colour { format!("\x1b[1m{}\x1b[0m", line(headings)) } else { line(headings) };
    let body = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    [heading].into_iter().chain(body).map(|line| line + "\n").collect()
}

/// A field whose text may have several lines: each is one of its own, and the first alone has the name.
pub(super) fn paragraph<'a>(name: &'a str, text: &str) -> Vec<(&'a str, String)> {
    let names = std::iter::once(name).chain(std::iter::repeat(""));
    names.zip(text.lines().map(str::to_owned)).collect()
}

/// Text that somebody else wrote, without what a terminal would obey.
pub(super) fn visible(text: &str) -> String {
    let plain = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [["sec_a".to_owned(), "1".to_owned()], ["sec_abcdef".to_owned(), "12".to_owned()]];
        assert_eq!(
            aligned(["OBJECT ID", "VERSION"], &rows, false),
            "OBJECT ID   VERSION\nsec_a       1\nsec_abcdef  12\n"
        );
        assert!(aligned(["A", "B"], &rows, true).starts_with("\x1b[1mA"));
    }

    #[test]
    fn a_description_cannot_drive_the_terminal() {
        assert_eq!(visible("a\x1b[2Jb\nc\u{9b}d"), "a\\u{1b}[2Jb\\nc\\u{9b}d");
        assert_eq!(visible("größer 😀"), "größer 😀");
    }
}
