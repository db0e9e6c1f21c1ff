//! `ampoule devbox create`.

use std::io::{self, Write};
use std::path::PathBuf;

use ampoule_proto::messages::ampoule::v1::{
    CreateDevboxRequest, Devbox as WireDevbox, DevboxSpec as WireSpec, ExpireDevboxRequest,
    Repository as WireRepository,
};
use ampoule_proto::messages::namespace::cloud::compute::v1beta::EnvironmentVariable;
use buffa::MessageField;
use buffa_types::google::protobuf::Empty;
use clap::error::ErrorKind;

use super::super::client::{Client, method};
use super::super::instance::{secret, until_running};
use super::super::output::OutputFlag;
use super::super::run::variable;
use super::super::{CliError, Context, usage};
use super::{Described, find, spec};
use crate::domain::devbox::{DevboxImage, DevboxName, DevboxSpec, GitRef, Naming, RepositoryUrl, Size};
use crate::domain::instance::Variable;
use crate::domain::{Reference, Source};

/// Make a devbox, from a file or by flags, and wait until it is ready
///
/// The file is checked whole before anything is made, and says of a secret only which one. The repository is there when this
/// returns. If the devbox can't be made, nothing is left of it.
#[derive(clap::Args)]
pub(in crate::cli) struct Create {
    /// What it shall be, in YAML, JSON or TOML; - for standard input, which is YAML
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["name", "image", "size", "checkout", "ephemeral", "env", "secrets"]
    )]
    from: Option<PathBuf>,
    /// What the file is written in, if its name doesn't say it
    #[arg(long = "from_format", alias = "from-format", value_name = "FORMAT", requires = "from")]
    from_format: Option<spec::Format>,
    /// What it is called
    #[arg(long, value_name = "NAME")]
    name: Option<DevboxName>,
    /// What it is made of: an image, `default`, or `builtin:NAME` [default: default]
    #[arg(long, value_name = "REF")]
    image: Option<DevboxImage>,
    /// S (4 CPUs, 8 GB), M (8, 16), L (16, 32) or XL (32, 64), as far as the host has them [default: M]
    #[arg(long, value_name = "SIZE")]
    size: Option<Size>,
    /// The repository to clone into /workspaces
    #[arg(long, value_name = "URL")]
    checkout: Option<RepositoryUrl>,
    /// Its branch, tag or commit
    #[arg(long = "ref", value_name = "REF", requires = "checkout")]
    reference: Option<GitRef>,
    /// The secret with what the repository's host wants to know: a token, NAME:PASSWORD, or a key for ssh
    #[arg(long, value_name = "ID", requires = "checkout")]
    credentials: Option<Reference>,
    /// Keep no files when it stops
    #[arg(long)]
    ephemeral: bool,
    /// A variable; may be repeated
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// A variable from a secret; may be repeated
    #[arg(long = "secret", value_name = "NAME=ID")]
    secrets: Vec<String>,
    #[command(flatten)]
    output: OutputFlag,
}

impl Create {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        if self.from.is_none() && self.name.is_none() {
            let message = "say what it shall be: --from FILE, or --name NAME and what else it shall have";
            usage(ErrorKind::MissingRequiredArgument, message);
        }
        let (client, format) = (context.client()?, self.output.output);
        let request = CreateDevboxRequest { spec: MessageField::some(self.spec()?) };
        let made: Described = client.call::<_, WireDevbox>(method::CREATE_DEVBOX, &request)?.into();
        for note in &made.notes {
            let _ = writeln!(io::stderr(), "note: {note}");
        }
        let devbox = wait(&client, &made)?;
        devbox.print(format).map_err(|error| error.after(format!("Devbox {} is made", devbox.name)))
    }

    fn spec(self) -> Result<WireSpec, CliError> {
        if let Some(path) = &self.from {
            let (spec, warnings) = spec::read(path, self.from_format)?;
            for warning in warnings {
                let _ = writeln!(io::stderr(), "warning: {warning}");
            }
            return Ok(wire(&spec));
        }
        let mut env = self.env.iter().map(|text| variable(text)).collect::<Result<Vec<_>, _>>()?;
        env.extend(self.secrets.iter().map(|text| secret(text)).collect::<Result<Vec<_>, _>>()?);
        let repository = self.checkout.map(|url| WireRepository {
            url: url.to_string(),
            r#ref: self.reference.map(|reference| reference.to_string()).unwrap_or_default(),
            credentials: self.credentials.map(|reference| reference.to_string()).unwrap_or_default(),
        });
        Ok(WireSpec {
            name: self.name.map(|name| name.to_string()).unwrap_or_default(),
            image: self.image.map(|image| image.to_string()).unwrap_or_default(),
            size: self.size.map(|size| size.to_string()).unwrap_or_default(),
            repository: repository.into(),
            env,
            ephemeral: self.ephemeral,
            ..WireSpec::default()
        })
    }
}

/// Waits until a new devbox is ready; one that can't be made is removed.
fn wait(client: &Client, made: &Described) -> Result<Described, CliError> {
    let waited = until_running(client, &made.instance_id, |status| {
        let _ = writeln!(io::stderr(), "{status}");
    });
    let name = made.name.parse::<DevboxName>().map_err(|_| CliError::Answer { what: "devbox's name" })?;
    let devbox = match find(client, &name) {
        Ok(devbox) => devbox,
        Err(error) => return Err(waited.err().unwrap_or(error)),
    };
    match devbox.status {
        "RUNNING" => Ok(devbox),
        "ERROR" => {
            let request = ExpireDevboxRequest { name: made.name.clone() };
            let removed = client.call::<_, Empty>(method::EXPIRE_DEVBOX, &request);
            let remedy = match removed {
                Ok(_) => "Nothing is left of it: make it anew when that is mended.".to_owned(),
                Err(_) => format!("Remove it with `ampoule devbox expire {name}`, and make it anew."),
            };
            let reason = format!("devbox {name} can't be made: {}", devbox.reason.trim_end());
            Err(CliError::Program { reason, remedy })
        }
        _ => Err(waited.err().unwrap_or_else(|| devbox.not_running())),
    }
}

fn wire(spec: &DevboxSpec) -> WireSpec {
    let (name, name_prefix) = match &spec.name {
        Naming::Name(name) => (name.to_string(), String::new()),
        Naming::Prefix(prefix) => (String::new(), prefix.to_string()),
    };
    let repository = spec.repository.as_ref().map(|repository| WireRepository {
        url: repository.url.to_string(),
        r#ref: repository.reference.as_ref().map(ToString::to_string).unwrap_or_default(),
        credentials: repository.credentials.as_ref().map(ToString::to_string).unwrap_or_default(),
    });
    let variable = |variable: &Variable| {
        let name = variable.name.as_str().to_owned();
        match &variable.source {
            Source::Literal(value) => {
                EnvironmentVariable { name, value: value.clone().into(), ..EnvironmentVariable::default() }
            }
            Source::Secret(reference) => {
                EnvironmentVariable { name, from_secret_id: reference.to_string(), ..EnvironmentVariable::default() }
            }
        }
    };
    WireSpec {
        name,
        name_prefix,
        image: spec.image.to_string(),
        size: spec.size.to_string(),
        repository: repository.into(),
        env: spec.env.iter().map(variable).collect(),
        ephemeral: spec.ephemeral,
    }
}
