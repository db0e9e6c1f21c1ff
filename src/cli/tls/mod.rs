//! `ampoule tls …`.

mod authority;
mod files;

use std::net::IpAddr;
use std::path::Path;

use clap::Subcommand;
use rcgen::SanType;

use super::output::print;
use super::{CliError, Context};
use crate::config::state_dir;
use authority::Authority;
use files::Folder;

/// Make the certificates that the daemon listens on the network with
#[derive(Subcommand)]
pub(super) enum Tls {
    Init(Init),
}

/// Make a certificate for this host, and an authority that clients check it by
///
/// These files are written to tls/ in the daemon's state directory: ca.crt, which clients get, server.crt and
/// server.key, which the daemon uses where `listen` names no others, and ca.key, which signs the next certificate. A
/// running daemon uses a new certificate from its next connection on.
#[derive(clap::Args)]
pub(super) struct Init {
    /// A name or address that clients call the daemon by; can be given several times [default: those of the
    /// certificate that is renewed; else the host's name, localhost and the loopback addresses]
    #[arg(long = "name", value_name = "NAME", value_parser = name)]
    names: Vec<SanType>,
    /// For how long the server's certificate is good
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(i32).range(1..=825))]
    days: i32,
    /// Make a new certificate, by the authority that is there, in place of the one that is there
    #[arg(long)]
    renew: bool,
}

impl Tls {
    pub(super) fn run(self, context: &Context) -> Result<(), CliError> {
        match self {
            Self::Init(init) => init.run(&state_dir(&context.environment, &context.flags)?),
        }
    }
}

impl Init {
    fn run(self, state_dir: &Path) -> Result<(), CliError> {
        let folder = Folder::open(state_dir)?;
        if !self.renew && folder.has_certificate() {
            return Err(CliError::Program {
                reason: format!("{} is there already", folder.certificate().display()),
                remedy: "Add --renew to make a new one by the same authority.".to_owned(),
            });
        }
        let authority = if let Some((certificate, key)) = folder.authority()? {
            let loaded = Authority::load(&certificate, &key);
            loaded.map_err(|reason| CliError::Input { path: folder.authority_key(), reason })?
        } else {
            let authority = Authority::make().map_err(|error| failed(&error))?;
            folder.write_authority(&authority.certificate, &authority.key)?;
            authority
        };
        let names = match (self.names.is_empty(), folder.read_names()) {
            (false, _) => self.names,
            (true, before) if before.is_empty() => usual_names(),
            (true, before) => before.iter().filter_map(|text| name(text).ok()).collect(),
        };
        let shown: Vec<String> = names.iter().map(shown).collect();
        let server = authority.certify(names, self.days).map_err(|error| failed(&error))?;
        folder.write_server(&server.certificate, &server.key, &shown)?;
        print(&format!(
            "Wrote {}\nfor {}, good for {} days\nClients check it by {}\n",
            folder.certificate().display(),
            shown.join(", "),
            self.days,
            folder.authority_certificate().display()
        ))
    }
}

fn failed(error: &rcgen::Error) -> CliError {
    CliError::Program {
        reason: format!("the certificate can't be made: {error}"),
        remedy: "Check what is given with --name.".to_owned(),
    }
}

fn name(text: &str) -> Result<SanType, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SanType::IpAddress(address));
    }
    let fits = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        !label.is_empty() && label.len() <= 63 && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    // RFC 6125, 6.4.3: a wildcard is the whole of the leftmost label.
    let labels = text.strip_prefix("*.").unwrap_or(text);
    if text.len() > 253 || !labels.split('.').all(fits) {
        return Err("not a host's name or address: expected one such as vault.example.org or 192.0.2.1".to_owned());
    }
    text.try_into().map(SanType::DnsName).map_err(|_| "not a host's name".to_owned())
}

fn usual_names() -> Vec<SanType> {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(host);
    names.sort();
    names.dedup();
    names.iter().filter_map(|text| name(text).ok()).collect()
}

fn shown(name: &SanType) -> String {
    match name {
        SanType::DnsName(name) => name.as_str().to_owned(),
        SanType::IpAddress(address) => address.to_string(),
        _ => String::new(),
    }
}
