//! `ampoule run`.

use std::str::FromStr;

use ampoule_proto::messages::namespace::cloud::compute::v1beta::{
    ContainerPort, ContainerRequest, CreateInstanceRequest, EnvironmentVariable, InstanceShape,
};
use ampoule_proto::messages::namespace::stdlib::Label as WireLabel;
use buffa::MessageField;
use buffa_types::google::protobuf::Timestamp as WireTimestamp;

use super::instance::{secret, submit};
use super::lifetime::Lifetime;
use super::output::Format;
use super::{CliError, Context};
use crate::domain::{Label, Timestamp};

/// Start an instance of one container from an image
#[derive(clap::Args)]
pub(super) struct Run {
    /// The image
    #[arg(long, value_name = "REF")]
    image: String,
    /// The container's name
    #[arg(long, default_value = "main")]
    name: String,
    /// A variable; may be repeated
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// A variable from a secret; may be repeated
    #[arg(long = "secret", value_name = "NAME=ID")]
    secrets: Vec<String>,
    /// A port of the container to reach on this host, at the address that `describe` says; may be repeated
    #[arg(short, long = "publish", value_name = "PORT", value_parser = port)]
    publish: Vec<u16>,
    /// Processors and memory, such as 4x8: four, and 8 GB
    #[arg(long = "machine_type", alias = "machine-type", value_name = "CPUxGB")]
    machine_type: Option<MachineType>,
    /// When it is destroyed: after 30m, 12h, 7d
    #[arg(long, value_name = "TIME")]
    duration: Option<Lifetime>,
    /// A label; may be repeated
    #[arg(long = "label", value_name = "NAME=VALUE")]
    labels: Vec<Label>,
    /// Wait until it runs
    #[arg(long)]
    wait: bool,
    /// How the result is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "plain")]
    output: Output,
    /// What to run, in place of what the image says
    #[arg(trailing_var_arg = true, value_name = "ARG")]
    args: Vec<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Output {
    Plain,
    Json,
}

/// `4x8`: processors, and memory in GB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MachineType {
    cpus: i32,
    gigabytes: i32,
}

impl FromStr for MachineType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<i32>().ok().filter(|number| (1..=65_536).contains(number));
        let parts = text.split_once('x').and_then(|(cpus, gigabytes)| Some((number(cpus)?, number(gigabytes)?)));
        let (cpus, gigabytes) = parts.ok_or("expected processors and GB, such as 4x8")?;
        Ok(Self { cpus, gigabytes })
    }
}

impl Run {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        let format = match self.output {
            Output::Plain => Format::Table,
            Output::Json => Format::Json,
        };
        let wait = self.wait;
        submit(&context.client()?, &self.request()?, wait, format)
    }

    fn request(self) -> Result<CreateInstanceRequest, CliError> {
        let mut env_vars = self.env.iter().map(|text| variable(text)).collect::<Result<Vec<_>, _>>()?;
        env_vars.extend(self.secrets.iter().map(|text| secret(text)).collect::<Result<Vec<_>, _>>()?);
        // What it is listed as: nobody knows an instance by its id.
        let documented_purpose = self.image.clone();
        let port = |port: &u16| ContainerPort { container_port: i32::from(*port), ..ContainerPort::default() };
        let container = ContainerRequest {
            name: self.name,
            image_ref: self.image,
            args: self.args,
            env_vars,
            export_ports: self.publish.iter().map(port).collect(),
            ..ContainerRequest::default()
        };
        let shape = self.machine_type.map(|machine| InstanceShape {
            virtual_cpu: machine.cpus,
            memory_megabytes: machine.gigabytes.saturating_mul(1024),
            ..InstanceShape::default()
        });
        let deadline = self.duration.map(|duration| {
            let at = Timestamp::now().saturating_add(duration.0).unwrap_or(Timestamp::MAX);
            WireTimestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond(), ..WireTimestamp::default() }
        });
        let label = |label: &Label| WireLabel { name: label.name().to_owned(), value: label.value().to_owned() };
        Ok(CreateInstanceRequest {
            shape: shape.into(),
            documented_purpose,
            labels: self.labels.iter().map(label).collect(),
            deadline: deadline.map_or_else(MessageField::none, MessageField::some),
            containers: vec![container],
            ..CreateInstanceRequest::default()
        })
    }
}

fn port(text: &str) -> Result<u16, String> {
    let number = text.parse::<u16>().ok().filter(|number| *number != 0);
    number.ok_or_else(|| {
        "expected a port of the container, from 1 to 65535; its port on this host is chosen for it".to_owned()
    })
}

/// `NAME=VALUE` of a flag.
pub(super) fn variable(text: &str) -> Result<EnvironmentVariable, CliError> {
    // What stands there is not repeated: it may be a value without its name.
    let (name, value) = text.split_once('=').ok_or_else(|| CliError::Place("--env: expected NAME=VALUE".to_owned()))?;
    Ok(EnvironmentVariable { name: name.to_owned(), value: value.to_owned().into(), ..EnvironmentVariable::default() })
}
