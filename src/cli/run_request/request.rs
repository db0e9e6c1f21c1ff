//! The ContainerRequest, as far as a container can be started from it here.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ampoule_proto::request::{CONTAINER_REQUEST, parse_container_request};
use serde_json::{Map, Value};

use super::super::CliError;

/// What `run-request` starts.
pub(super) struct ContainerRequest {
    pub(super) name: Option<String>,
    pub(super) image_ref: Option<String>,
    pub(super) args: Vec<String>,
    /// All of it, for the annotation that the shim reads.
    pub(super) json: String,
    path: PathBuf,
}

/// The fields that the shim applies; every other one changes what is run, so it is read here or refused.
const APPLIED_BY_THE_SHIM: [&str; 3] = ["environment", "env_vars", "envVars"];

/// The longest request that is read.
const MOST_BYTES: u64 = 1 << 20;

impl ContainerRequest {
    /// Reads a file, or standard input for `-`.
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        let failed = |error| CliError::Read { path: path.to_owned(), error };
        let mut text = String::new();
        if path == Path::new("-") {
            io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
        } else {
            fs::File::open(path).map_err(failed)?.take(MOST_BYTES).read_to_string(&mut text).map_err(failed)?;
        }
        Self::parse(&text, path).map_err(|reason| CliError::Input { path: path.to_owned(), reason })
    }

    fn parse(text: &str, path: &Path) -> Result<Self, String> {
        // The grammar's own check: what it accepts here the shim accepts too.
        parse_container_request(text).map_err(|error| {
            let error = error.to_string();
            error
                .strip_prefix(CONTAINER_REQUEST)
                .map(|rest| rest.trim_start_matches(['.', ':', ' ']).to_owned())
                .unwrap_or(error)
        })?;
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let fields = value.as_object().ok_or("expected an object")?;
        let request = Self {
            name: string(fields, &["name"])?,
            image_ref: string(fields, &["image_ref", "imageRef"])?,
            args: strings(fields, "args")?,
            json: value.to_string(),
            path: path.to_owned(),
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
        CliError::Input { path: self.path.clone(), reason: what.to_owned() }
    }
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
        ContainerRequest::parse(text, Path::new("web.json"))
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
            ("{", "line 1"),
            ("[]", "expected an object"),
            (r#"{"privileged":true}"#, "privileged: "),
            (r#"{"exportPorts":[]}"#, "exportPorts: "),
            (r#"{"name":7}"#, "name: expected a string"),
            (r#"{"name":"--rm"}"#, "name: expected letters"),
            (r#"{"image_ref":"-x"}"#, "image_ref: "),
            (r#"{"args":"sh"}"#, "args: expected a list"),
            (r#"{"args":[1]}"#, "args: expected a list"),
            (r#"{"env_vars":[{"name":"A=B"}]}"#, "env_vars[0].name: "),
        ] {
            let error = parse(text).err().unwrap_or_default();
            assert!(error.starts_with(part) || (part == "line 1" && error.contains(part)), "{text}: {error}");
        }
    }
}
