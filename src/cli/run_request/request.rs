//! The ContainerRequest, as far as a container can be started from it here.

use std::path::{Path, PathBuf};

use ampoule_proto::request::{CONTAINER_REQUEST, Fault, RequestError, parse_container_request};
use serde_json::{Map, Value};

use super::super::{CliError, input};

/// What `run-request` starts.
pub(super) struct ContainerRequest {
    pub(super) name: Option<String>,
    pub(super) image_ref: Option<String>,
    pub(super) args: Vec<String>,
    /// All of it, for the annotation that the shim reads.
    pub(super) json: String,
    /// What an error calls the file.
    file: PathBuf,
}

/// The fields that the shim applies; every other one changes what is run, so it is read here or refused.
const APPLIED_BY_THE_SHIM: [&str; 3] = ["environment", "env_vars", "envVars"];

impl ContainerRequest {
    /// Reads a file, or standard input for `-`.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        Self::parse(&input::read_text(path)?, &input::named(path))
    }

    fn parse(text: &str, file: &Path) -> Result<Self, CliError> {
        // The grammar's own check: what it accepts here the shim accepts too.
        parse_container_request(text).map_err(|error| located(&error, file))?;
        let fields = serde_json::from_str(text).map_err(|error| error.to_string());
        let request = fields.and_then(|fields| Self::of_fields(&fields, file));
        request.map_err(|reason| CliError::Input { path: file.to_owned(), reason })
    }

    fn of_fields(fields: &Map<String, Value>, file: &Path) -> Result<Self, String> {
        let request = Self {
            name: string(fields, &["name"])?,
            image_ref: string(fields, &["image_ref", "imageRef"])?,
            args: strings(fields, "args")?,
            json: serde_json::to_string(fields).map_err(|error| error.to_string())?,
            file: file.to_owned(),
        };
        request.check(fields)?;
        Ok(request)
    }

    fn check(&self, fields: &Map<String, Value>) -> Result<(), String> {
        let known =
            |key: &str| APPLIED_BY_THE_SHIM.contains(&key) || ["name", "image_ref", "imageRef", "args"].contains(&key);
        if let Some((key, _)) = fields.iter().find(|(key, value)| !known(key) && !value.is_null()) {
            return Err(format!("{key}: this field can't be honoured by run-request yet: remove it"));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if self
            .name
            .as_deref()
            .is_some_and(|name| !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(fits))
        {
            return Err("name: expected letters, digits, _, . and -, beginning with a letter or digit".to_owned());
        }
        if self.image_ref.as_deref().is_some_and(|image| image.starts_with('-')) {
            return Err("image_ref: an image's name does not begin with -".to_owned());
        }
        Ok(())
    }

    /// The error of a field that is needed.
    pub(super) fn lacks(&self, what: &str) -> CliError {
        CliError::Input { path: self.file.clone(), reason: what.to_owned() }
    }
}

/// The grammar's error in terms of the file: what it takes for an annotation is all of it.
fn located(error: &RequestError, file: &Path) -> CliError {
    if let Fault::Syntax { line, column } = error.fault() {
        return CliError::Place(format!("{}:{line}:{column}: not valid JSON", file.display()));
    }
    let error = error.to_string();
    let reason = error.strip_prefix(CONTAINER_REQUEST).unwrap_or(&error).trim_start_matches(['.', ':', ' ']);
    CliError::Input { path: file.to_owned(), reason: reason.to_owned() }
}

/// A field of either spelling; the grammar has refused both at once.
fn string(fields: &Map<String, Value>, names: &[&str]) -> Result<Option<String>, String> {
    match names.iter().find_map(|name| fields.get(*name)) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("{}: expected a string", names[0])),
    }
}

fn strings(fields: &Map<String, Value>, name: &str) -> Result<Vec<String>, String> {
    let Some(value) = fields.get(name).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = value.as_array().and_then(|list| list.iter().map(text).collect::<Option<Vec<_>>>());
    texts.ok_or_else(|| format!("{name}: expected a list of strings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ContainerRequest, String> {
        ContainerRequest::parse(text, Path::new("web.json")).map_err(|error| error.to_string())
    }

    #[test]
    fn both_spellings() {
        for image in ["image_ref", "imageRef"] {
            let request = parse(&format!(r#"{{"name":"web","{image}":"busybox","args":["a","b"]}}"#)).expect("parses");
            assert_eq!((request.name.as_deref(), request.image_ref.as_deref()), (Some("web"), Some("busybox")));
            assert_eq!(request.args, ["a", "b"]);
        }
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_by_name() {
        for (text, part) in [
            ("{\n \"", "2:2: not valid JSON"),
            ("[]", " expected an object"),
            (r#"{"privileged":true}"#, " privileged: "),
            (r#"{"exportPorts":[]}"#, " exportPorts: "),
            (r#"{"name":7}"#, " name: expected a string"),
            (r#"{"name":"--rm"}"#, " name: expected letters"),
            (r#"{"image_ref":"-x"}"#, " image_ref: "),
            (r#"{"args":"sh"}"#, " args: expected a list"),
            (r#"{"args":[1]}"#, " args: expected a list"),
            (r#"{"env_vars":[{"name":"A=B"}]}"#, " env_vars[0].name: "),
        ] {
            let error = parse(text).err().unwrap_or_default();
            assert!(error.starts_with(&format!("web.json:{part}")), "{text}: {error}");
        }
    }
}
