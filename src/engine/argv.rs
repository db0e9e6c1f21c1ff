//! Command lines of podman and docker, which agree in most words.

use super::hangup::MARK;
use super::job::{Job, Limits, Mount, NewContainer, Setup, Window};
use super::{INSTANCE_LABEL, Kind, NAME_LABEL};

/// The label that says which vault a container belongs to.
const VAULT_LABEL: &str = "dev.ampoule.vault";

/// A command line, and what its standard input begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Invocation {
    pub(super) arguments: Vec<String>,
    /// All of standard input, if the job brings it.
    pub(super) input: Option<Vec<u8>>,
    /// Whether standard input comes from whoever asked.
    pub(super) interactive: bool,
    /// The size of the terminal that the program is given.
    pub(super) terminal: Option<Window>,
    /// What the command in the container is found by, if it is to end when whoever asked has gone.
    pub(super) mark: Option<String>,
    /// Whether the program goes on to its end though whoever asked has gone. An engine that is killed while it starts a
    /// container leaves one that it can't start any more.
    pub(super) is_seen_through: bool,
}

impl Setup {
    /// The command line of a job, or why it isn't done.
    pub(super) fn invocation(&self, job: &Job) -> Result<Invocation, String> {
        let mut call = Invocation {
            arguments: self.arguments.clone(),
            input: None,
            interactive: false,
            terminal: None,
            mark: None,
            is_seen_through: matches!(job, Job::Start(_) | Job::Stop { .. } | Job::Remove(_)),
        };
        let filter = format!("label={VAULT_LABEL}={}", self.vault);
        match job {
            Job::Version => call.words(&["version", "--format", "{{.Client.Version}}"]),
            Job::HasImage(image) => call.words(&["image", "inspect", "--format", "{{.Id}}", image]),
            Job::ImageConfig(image) => call.words(&["image", "inspect", "--format", "{{json .Config}}", image]),
            Job::Pull(image) => call.words(&["pull", image]),
            Job::Create(container) => self.create(&mut call, container)?,
            Job::Start(id) => call.words(&["start", id]),
            Job::Stop { ids, seconds } => {
                call.words(&["stop", "--time", &seconds.to_string()]);
                call.arguments.extend_from_slice(ids);
            }
            Job::Remove(ids) => {
                call.words(&["rm", "--force", "--volumes"]);
                if self.kind == Kind::Podman {
                    call.words(&["--time", "2"]);
                }
                call.arguments.extend_from_slice(ids);
            }
            Job::List { instance } => {
                call.words(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &filter]);
                if let Some(instance) = instance {
                    call.words(&["--filter", &format!("label={INSTANCE_LABEL}={instance}")]);
                }
            }
            Job::Inspect(ids) => {
                call.words(&["inspect", "--type", "container"]);
                call.arguments.extend_from_slice(ids);
            }
            Job::Logs { id, follow, last } => {
                call.words(&["logs", "--timestamps"]);
                if *follow {
                    call.words(&["--follow"]);
                }
                if let Some(last) = last {
                    call.words(&["--tail", &last.to_string()]);
                }
                call.words(&[id]);
            }
            Job::Exec { id, command, env, cwd, stdin, terminal, detach } => {
                call.words(&["exec"]);
                for (option, is_wanted) in
                    [("--interactive", *stdin), ("--tty", terminal.is_some()), ("--detach", *detach)]
                {
                    if is_wanted {
                        call.words(&[option]);
                    }
                }
                if !*detach {
                    let mark = mark()?;
                    call.words(&["--env", &format!("{MARK}={mark}")]);
                    call.mark = Some(mark);
                }
                if !cwd.is_empty() {
                    call.words(&["--workdir", cwd]);
                }
                for (name, value) in env {
                    call.words(&["--env", &format!("{name}={value}")]);
                }
                call.words(&[id]);
                call.arguments.extend_from_slice(command);
                (call.interactive, call.terminal) = (*stdin, *terminal);
            }
            Job::CopyOut { id, path } => call.words(&["cp", &format!("{id}:{path}"), "-"]),
            Job::CopyIn { id, path } => {
                call.words(&["cp", "-", &format!("{id}:{path}")]);
                call.interactive = true;
            }
            Job::RemoveVolumes(names) => {
                call.words(&["volume", "rm", "--force"]);
                call.arguments.extend_from_slice(names);
            }
        }
        Ok(call)
    }

    fn create(&self, call: &mut Invocation, container: &NewContainer) -> Result<(), String> {
        self.limits.check(container)?;
        if self.kind == Kind::Podman {
            call.words(&["--runtime", &self.runtime]);
        }
        call.words(&["create", "--pull", "never"]);
        if self.kind == Kind::Docker {
            call.words(&["--runtime", &self.runtime]);
        }
        let label = |name: &str, value: &str| format!("{name}={value}");
        call.words(&["--label", &label(VAULT_LABEL, &self.vault)]);
        call.words(&["--label", &label(INSTANCE_LABEL, &container.instance)]);
        call.words(&["--label", &label(NAME_LABEL, &container.name)]);
        call.words(&["--name", &format!("{}-{}", container.instance, container.name)]);
        call.words(&["--hostname", &container.name]);
        call.environment(&container.env);
        if container.host_network {
            call.words(&["--network", "host"]);
        }
        for port in &container.ports {
            call.words(&["--publish", &format!("127.0.0.1::{}", port.container)]);
        }
        call.powers(container, &self.limits);
        for mount in &container.mounts {
            let (option, value) = mount_option(mount);
            call.words(&[option, &value]);
        }
        if let Some(cpus) = container.cpus {
            call.words(&["--cpus", &cpus.to_string()]);
        }
        if let Some(memory) = container.memory {
            call.words(&["--memory", &format!("{memory}m")]);
        }
        if !container.cwd.is_empty() {
            call.words(&["--workdir", &container.cwd]);
        }
        if let Some(entrypoint) = &container.entrypoint {
            call.words(&["--entrypoint", entrypoint]);
        }
        call.words(&[&container.image]);
        call.arguments.extend_from_slice(&container.args);
        Ok(())
    }
}

impl Invocation {
    fn words(&mut self, words: &[&str]) {
        self.arguments.extend(words.iter().map(|word| (*word).to_owned()));
    }

    /// By a file on standard input, since everybody can read arguments; it can't hold a value of several lines.
    fn environment(&mut self, env: &[(String, String)]) {
        let mut file = String::new();
        for (name, value) in env {
            if value.contains(['\n', '\r']) {
                self.words(&["--env", &format!("{name}={value}")]);
            } else {
                file.extend([name, "=", value, "\n"]);
            }
        }
        if !file.is_empty() {
            self.words(&["--env-file", "/dev/stdin"]);
            self.input = Some(file.into_bytes());
        }
    }

    fn powers(&mut self, container: &NewContainer, limits: &Limits) {
        if container.privileged {
            self.words(&["--privileged"]);
        }
        for capability in &container.cap_add {
            self.words(&["--cap-add", capability]);
        }
        for capability in &container.cap_drop {
            self.words(&["--cap-drop", capability]);
        }
        for device in &container.devices {
            self.words(&["--device", device]);
        }
        if let (Some(target), Some(folder)) = (&container.state, &limits.state_folder) {
            let source = folder.join(&container.instance);
            self.words(&["--mount", &format!("type=bind,source={},target={target},readonly", source.display())]);
        }
        if let (Some(target), Some(source)) = (&container.engine_socket, &limits.engine_socket) {
            self.words(&["--mount", &format!("type=bind,source={},target={target}", source.display())]);
        }
    }
}

fn mark() -> Result<String, String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| format!("there is no randomness: {error}"))?;
    Ok(format!("{:016x}", u64::from_be_bytes(random)))
}

fn mount_option(mount: &Mount) -> (&'static str, String) {
    match mount {
        Mount::Host { source, target, readonly } => {
            let readonly = if *readonly { ",readonly" } else { "" };
            ("--mount", format!("type=bind,source={source},target={target}{readonly}"))
        }
        Mount::Volume { name, target } => ("--mount", format!("type=volume,source={name},target={target}")),
        // What is built there shall run: engines forbid that unless it is said.
        Mount::Memory { target } => ("--tmpfs", format!("{target}:exec,mode=1777")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup(kind: Kind) -> Setup {
        Setup {
            kind,
            program: "/usr/bin/engine".into(),
            arguments: Vec::new(),
            runtime: "ampoule".to_owned(),
            vault: "tenant_a".to_owned(),
            limits: Limits::default(),
        }
    }

    fn container() -> NewContainer {
        NewContainer {
            instance: "inst_a".to_owned(),
            name: "web".to_owned(),
            image: "nginx".to_owned(),
            ..NewContainer::default()
        }
    }

    fn line(kind: Kind, container: NewContainer) -> String {
        setup(kind).invocation(&Job::Create(Box::new(container))).expect("allowed").arguments.join(" ")
    }

    #[test]
    fn the_runtime_is_named_where_the_engine_wants_it() {
        assert!(line(Kind::Podman, container()).starts_with("--runtime ampoule create --pull never "));
        assert!(line(Kind::Docker, container()).starts_with("create --pull never --runtime ampoule "));
    }

    #[test]
    fn values_are_not_arguments() {
        let container = NewContainer {
            env: vec![("A".to_owned(), "x=y #z".to_owned()), ("B".to_owned(), "1\n2".to_owned())],
            ..container()
        };
        let call = setup(Kind::Podman).invocation(&Job::Create(Box::new(container))).expect("allowed");
        assert_eq!(call.input.as_deref(), Some(&b"A=x=y #z\n"[..]));
        assert!(!call.arguments.iter().any(|argument| argument.contains("x=y")));
        assert!(call.arguments.iter().any(|argument| argument == "B=1\n2"));
    }

    #[test]
    fn what_gives_power_over_the_host_is_refused_by_its_name() {
        let cases = [
            ("privileged", NewContainer { privileged: true, ..container() }),
            ("cap_add", NewContainer { cap_add: vec!["SYS_ADMIN".to_owned()], ..container() }),
            ("network: HOST", NewContainer { host_network: true, ..container() }),
            ("/dev/kvm", NewContainer { devices: vec!["/dev/kvm:/dev/kvm".to_owned()], ..container() }),
            ("nsc_state_path", NewContainer { state: Some("/s".to_owned()), ..container() }),
            ("docker_sock_path", NewContainer { engine_socket: Some("/s".to_owned()), ..container() }),
            (
                "/etc",
                NewContainer {
                    mounts: vec![Mount::Host { source: "/etc".to_owned(), target: "/e".to_owned(), readonly: true }],
                    ..container()
                },
            ),
        ];
        for (named, container) in cases {
            let error = setup(Kind::Podman).invocation(&Job::Create(Box::new(container))).expect_err(named);
            assert!(error.contains(named) && error.contains("instances."), "{error}");
        }
    }
}
