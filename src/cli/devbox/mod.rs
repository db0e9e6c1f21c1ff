//! `ampoule devbox …`: one file for each. Also when the program is called as `devbox`.

mod create;
mod describe;
mod download;
mod exec;
mod expire;
mod list;
mod logs;
mod spec;
mod ssh;
mod start;
mod stop;
mod upload;

use std::process::ExitCode;
use std::str::FromStr;

use ampoule_proto::messages::ampoule::v1::{DescribeDevboxRequest, Devbox as WireDevbox};
use clap::Subcommand;
use serde::Serialize;

use super::client::{Client, method};
use super::instance::{status, until_running};
use super::output::{Format, paragraph, print, print_json, time, timestamp, visible};
use super::session::ContainerFiles;
use super::{CliError, Context};
use crate::domain::Timestamp;
use crate::domain::devbox::DevboxName;

/// Make boxes to work in, whose files outlive their stops
#[derive(Subcommand)]
pub(super) enum Devbox {
    Create(create::Create),
    List(list::List),
    Describe(describe::Describe),
    Ssh(ssh::Ssh),
    Exec(exec::Exec),
    Upload(upload::Upload),
    Download(download::Download),
    Logs(logs::Logs),
    Stop(stop::Stop),
    Start(start::Start),
    Expire(expire::Expire),
}

impl Devbox {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, CliError> {
        let done = match self {
            Self::Ssh(ssh) => return ssh.run(context),
            Self::Exec(exec) => return exec.run(context),
            Self::Upload(upload) => upload.run(context),
            Self::Download(download) => download.run(context),
            Self::Create(create) => create.run(context),
            Self::List(list) => list.run(context),
            Self::Describe(describe) => describe.run(context),
            Self::Logs(logs) => logs.run(context),
            Self::Stop(stop) => stop.run(context),
            Self::Start(start) => start.run(context),
            Self::Expire(expire) => expire.run(context),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// The argument that says which.
#[derive(clap::Args)]
struct Which {
    /// The devbox
    #[arg(value_name = "NAME")]
    name: DevboxName,
}

/// `NAME:PATH` of an argument: files of a devbox.
#[derive(Clone)]
struct Files {
    name: DevboxName,
    path: String,
}

impl FromStr for Files {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = text.split_once(':').ok_or("expected NAME:PATH, such as box:/workspaces")?;
        Ok(Self { name: name.parse().map_err(|error| format!("{error}"))?, path: path.to_owned() })
    }
}

impl Files {
    /// Where they are, once the devbox runs. What doesn't begin with `/` is where one works in it.
    fn find(&self, client: &Client) -> Result<ContainerFiles, CliError> {
        let devbox = ready(client, &self.name)?;
        let path = match self.path.as_str() {
            "" => devbox.directory,
            path if path.starts_with('/') => path.to_owned(),
            path => format!("{}/{path}", devbox.directory),
        };
        Ok(ContainerFiles { instance: devbox.instance_id, container: String::new(), path })
    }
}

/// A devbox, under the names of the proto fields.
#[derive(Serialize)]
struct Described {
    name: String,
    instance_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    image: String,
    size: String,
    virtual_cpu: i32,
    memory_megabytes: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    repository: Option<Repository>,
    ephemeral: bool,
    directory: String,
    created_at: Option<Timestamp>,
    creator_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Repository {
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    r#ref: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    credentials: String,
}

impl From<WireDevbox> for Described {
    fn from(wire: WireDevbox) -> Self {
        let repository = wire.repository.into_option();
        Self {
            name: wire.name,
            instance_id: wire.instance_id,
            status: status(wire.status.as_known()),
            reason: wire.reason,
            image: wire.image,
            size: wire.size,
            virtual_cpu: wire.virtual_cpu,
            memory_megabytes: wire.memory_megabytes,
            repository: repository.map(|wire| Repository {
                url: wire.url,
                r#ref: wire.r#ref,
                credentials: wire.credentials,
            }),
            ephemeral: wire.ephemeral,
            directory: wire.directory,
            created_at: wire.created_at.into_option().and_then(|at| timestamp(&at)),
            creator_id: wire.creator_id,
            notes: wire.notes,
        }
    }
}

impl Described {
    /// Field by field.
    fn text(&self) -> String {
        let mut lines = vec![
            ("Name:", self.name.clone()),
            ("Instance ID:", self.instance_id.clone()),
            ("Status:", self.status.to_owned()),
        ];
        lines.extend(paragraph("Reason:", &self.reason));
        lines.push(("Image:", self.image.clone()));
        let shape = format!("{} ({} CPUs, {} MB)", self.size, self.virtual_cpu, self.memory_megabytes);
        lines.push(("Size:", shape));
        if let Some(repository) = &self.repository {
            lines.push(("Repository:", format!("{} {}", repository.url, repository.r#ref)));
        }
        lines.push(("Directory:", self.directory.clone()));
        lines.push(("Files:", if self.ephemeral { "gone when it stops" } else { "kept when it stops" }.to_owned()));
        lines.push(("Created At:", time(self.created_at)));
        lines.extend(self.notes.iter().map(|note| ("Note:", note.clone())));
        lines.iter().map(|(name, value)| format!("{name:<13}{}", visible(value)).trim_end().to_owned() + "\n").collect()
    }

    fn print(&self, format: Format) -> Result<(), CliError> {
        if format == Format::Json { print_json(self) } else { print(&self.text()) }
    }

    /// What to do about one that doesn't run.
    fn not_running(&self) -> CliError {
        let Self { name, status, reason, .. } = self;
        let because = if reason.is_empty() { String::new() } else { format!(": {}", reason.trim_end()) };
        let remedy = match *status {
            "SUSPENDED" => format!("Start it with `ampoule devbox start {name}`."),
            "ERROR" => format!("Remove it with `ampoule devbox expire {name}`, and make it anew."),
            _ => format!("See `ampoule devbox describe {name}`."),
        };
        CliError::Program { reason: format!("devbox {name} is {status}{because}"), remedy }
    }
}

/// What is known of a devbox.
fn find(client: &Client, name: &DevboxName) -> Result<Described, CliError> {
    let request = DescribeDevboxRequest { name: name.to_string() };
    client.call::<_, WireDevbox>(method::DESCRIBE_DEVBOX, &request).map(Described::from)
}

/// The same, once it runs and its repository is there: its instance is then `instance_id`, and one works in `directory`.
/// An error, with what to do about it, if it is stopped or has failed.
fn ready(client: &Client, name: &DevboxName) -> Result<Described, CliError> {
    let mut devbox = find(client, name)?;
    if matches!(devbox.status, "PENDING" | "CREATING") {
        // Why it came to nothing is told better by the devbox.
        let waited = until_running(client, &devbox.instance_id, |_| {});
        devbox = match find(client, name) {
            Ok(devbox) => devbox,
            Err(error) => return Err(waited.err().unwrap_or(error)),
        };
    }
    if devbox.status == "RUNNING" { Ok(devbox) } else { Err(devbox.not_running()) }
}
