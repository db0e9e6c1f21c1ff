//! Ports, folders and devices of containers, in a network of the test's own.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::{Driven, Host, IMAGE, id};
use crate::support::daemon::Daemon;
use crate::support::engine::{Engine, Podman};
use crate::support::process::{self, wait_until};
use crate::support::programs;

/// podman with its own default, a bridge, in the place of no network at all; what CNI keeps in `/var/lib` is the realm's.
fn with_bridge(daemon: &Daemon) {
    let path = daemon.state().with_file_name("containers.conf");
    let text = fs::read_to_string(&path).expect("containers.conf").replace("netns = \"none\"", "netns = \"bridge\"");
    fs::write(path, text).expect("containers.conf");
}

impl Host<Podman> {
    /// Starts the daemon anew, with a network of its own that goes with it and its containers.
    fn launch_apart(&mut self) {
        self.daemon.kill();
        let (realm, variables) = (&self.engine.site().realm, self.engine.variables());
        let keep = "mkdir /run/upper /run/work && \
                    mount -t overlay -o lowerdir=/var/lib,upperdir=/run/upper,workdir=/run/work overlay /var/lib";
        realm.run(Command::new("/bin/sh").args(["-c", keep])).ok();
        self.daemon.launch_by(|command| {
            let mut apart = Command::new(programs::system("unshare", "util-linux"));
            apart.args(["--net", "/bin/sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
            apart.arg(command.get_program()).args(command.get_args()).env_clear();
            apart.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?)))).envs(variables);
            let log = fs::File::options().append(true).open(self.engine.site().folder().join("daemon.log"));
            apart.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stderr(log.expect("a log"));
            realm.spawn(&mut apart)
        });
        self.daemon.wait_ready();
    }

    /// What an address of the daemon's network says by HTTP.
    fn fetch(&self, endpoint: &str) -> process::Ran {
        fetch(self.daemon.pid(), endpoint)
    }
}

/// What an address in this process's network says by HTTP.
pub(super) fn fetch(pid: u32, endpoint: &str) -> process::Ran {
    let mut command = Command::new(programs::system("nsenter", "util-linux"));
    command.arg(format!("--net=/proc/{pid}/ns/net"));
    command.arg(programs::system("curl", "curl")).args(["--silent", "--max-time", "5"]);
    process::run(command.arg(format!("http://{endpoint}/x")), b"")
}

#[test]
fn ports_are_reached_on_the_loopback_and_folders_and_devices_are_there() {
    let shared = crate::support::rig::temporary_folder();
    fs::write(shared.path().join("x"), "from the host").expect("written");
    let allowed =
        json!({"allow_host_mounts": [shared.path()], "allow_devices": ["/dev/null"], "engine_socket": "/run/e.sock"});
    let mut host: Host<Podman> = Host::start_prepared(&allowed, &json!({}), with_bridge);
    host.launch_apart();
    fs::write(host.engine.site().realm.outside("/run/e.sock"), "").expect("written");
    let path = shared.path().display().to_string();
    let request = json!({
        "name": "web",
        "image_ref": IMAGE,
        "args": ["sh", "-c", "httpd -p 8080 -h /www; exec sleep 1000"],
        "export_ports": [{"container_port": 8080, "proto": "HTTP"}],
        "docker_sock_path": "/run/docker.sock",
        "volumes": [{"mount_point": "/data", "tag": "kept"}],
        "experimental": {
            "host_mount": [{"host_path": path, "container_path": "/www", "readonly": true}],
            "devices": ["/dev/null:/dev/mine"],
        },
    });
    let first = id(&host.run(&request));
    let port = host.describe(&first)["containers"][0]["exported_port"][0].clone();
    let endpoint = port["endpoint"].as_str().expect("an endpoint");
    assert!(endpoint.starts_with("127.0.0.1:") && port["container_port"] == 8080, "{port}");
    let shown = host.cli().run(&["instance", "describe", &first], b"").ok().out();
    assert!(shown.contains(&format!("8080 at {endpoint}")), "{shown}");
    wait_until("it answers", || host.fetch(endpoint).out() == "from the host");

    let exec = |instance: &str, command: &str| {
        host.cli().run(&["instance", "exec", instance, "--", "sh", "-c", command], b"").ok().out()
    };
    let looked = "[ -c /dev/mine ] && [ -e /run/docker.sock ] && echo there; echo y 2>/dev/null >/www/x || echo refused; echo kept >/data/y";
    assert_eq!(exec(&first, looked), "there\nrefused\n");
    host.destroy(&first);
    assert!(host.fetch(endpoint).code() != 0, "the port is closed");
    // The same tag is the same volume.
    let second = id(&host.run(&json!({
        "name": "b", "image_ref": IMAGE, "args": ["sleep", "1000"], "volumes": [{"mount_point": "/old", "tag": "kept"}],
    })));
    assert_eq!(exec(&second, "cat /old/y"), "kept\n");
    host.destroy(&second);
    assert_eq!(host.containers(), [""; 0]);
}
