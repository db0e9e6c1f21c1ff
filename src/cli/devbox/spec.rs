//! The specification of a Devbox, from a file in YAML, JSON or TOML.

mod toml;
mod yaml;

#[cfg(test)]
mod tests;

use std::path::Path;

use clap::ValueEnum;

use super::super::{CliError, input};
use crate::domain::devbox::{self, DevboxSpec};
use crate::domain::submitted::{Mistakes, Node, Warning, of_json};

/// How a specification is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// YAML 1.2
    Yaml,
    /// JSON
    Json,
    /// TOML
    Toml,
}

/// Reads a file, or standard input for `-`, and what the user should look at in it: a line for each.
///
/// The format is the one that is named, or that of the file's extension; standard input is YAML.
pub(in crate::cli) fn read(path: &Path, format: Option<Format>) -> Result<(DevboxSpec, Vec<String>), CliError> {
    let format = format.or_else(|| Format::of(path)).ok_or_else(|| CliError::Input {
        path: path.to_owned(),
        reason: "its name doesn't end in .yaml, .yml, .json or .toml\nSay what it is by --from_format.".to_owned(),
    })?;
    let text = input::read_text(path)?;
    let file = input::named(path).display().to_string();
    let (spec, warnings) = parse(&text, format).map_err(|mistakes| CliError::Place(mistakes.in_file(&file)))?;
    Ok((spec, warnings.iter().map(|warning| warning.in_file(&file)).collect()))
}

fn parse(text: &str, format: Format) -> Result<(DevboxSpec, Vec<Warning>), Mistakes> {
    devbox::read(&tree(text, format)?)
}

fn tree(text: &str, format: Format) -> Result<Node, Mistakes> {
    match format {
        Format::Yaml => yaml::tree(text),
        Format::Json => of_json(text),
        Format::Toml => toml::tree(text),
    }
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        if path == Path::new("-") {
            return Some(Self::Yaml);
        }
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}
