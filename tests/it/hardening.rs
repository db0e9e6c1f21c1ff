//! What the daemon has given up by the time it serves, seen from outside; and that it serves without.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::daemon::Daemon;
use crate::support::process::{self, Job, wait_until};
use crate::support::programs;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;
use crate::support::wire::messages::revealable;
use crate::support::wire::{Client, Protocol};

/// Neither root nor anybody who is there.
const USER: u32 = 12345;

/// The lines of a file in `/proc` that have a name before a colon.
fn fields(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

/// What the kernel says of each thread. One that ends meanwhile is not among them.
fn threads(pid: u32) -> Vec<BTreeMap<String, String>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the daemon runs").flatten();
    tasks.map(|task| fields(&task.path().join("status"))).filter(|fields| !fields.is_empty()).collect()
}

/// Asserts that no thread of a daemon that has just worked may do anything that it need not.
fn assert_bare(pid: u32, bounding: bool) {
    let threads = threads(pid);
    let has = |name: &str| threads.iter().any(|thread| thread["Name"].starts_with(name));
    // Some that were made at different times: the first one, the runtime's, the store's and the sink's.
    for name in ["ampoule", "tokio", "store-writer", "audit-sink"] {
        assert!(has(name), "no thread {name} among {:?}", threads.iter().map(|t| &t["Name"]).collect::<Vec<_>>());
    }
    for thread in &threads {
        let sets = ["CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd"];
        for set in &sets[..if bounding { 5 } else { 4 }] {
            assert_eq!(thread[*set], "0000000000000000", "{set}: {thread:?}");
        }
        // Mode 2 is a filter.
        assert_eq!((thread["NoNewPrivs"].as_str(), thread["Seccomp"].as_str()), ("1", "2"), "{thread:?}");
        assert_eq!(thread["Umask"], "0077", "{thread:?}");
    }
}

/// Settings with a sink at this path.
fn forward_to(folder: &Path, sink: &Path) {
    let settings = format!("audit: {{sink: {{file: {}}}}}\n", sink.display());
    fs::write(folder.join("ampoule.yaml"), settings).expect("written");
}

fn lines(sink: &Path) -> Vec<Value> {
    let text = fs::read_to_string(sink).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Whether the last entry of the log has been forwarded.
fn is_forwarded(daemon: &Daemon, sink: &Path) -> bool {
    let last = daemon.cli().audit().len() - 1;
    lines(sink).iter().any(|line| line["index"] == last)
}

fn wait_served(socket: &Path) {
    wait_until("the daemon's socket answers", || UnixStream::connect(socket).is_ok());
}

fn stop(daemon: &mut Daemon) {
    daemon.signal(Signal::SIGTERM);
    daemon.wait_stopped();
    assert!(daemon.log_text().contains("stopped") && !daemon.socket().exists(), "{}", daemon.log_text());
}

#[test]
fn no_thread_has_a_privilege() {
    let folder = temporary_folder();
    let sink = folder.path().join("sink");
    forward_to(folder.path(), &sink);
    let mut daemon = Daemon::start(folder.path());
    for value in ["alpha", "beta"] {
        daemon.cli().add(value);
        wait_until("the sink has it", || is_forwarded(&daemon, &sink));
        assert_bare(daemon.pid(), true);
        stop(&mut daemon);
        daemon.launch();
        daemon.wait_ready();
    }
    assert_eq!(daemon.cli().list().as_array().map(Vec::len), Some(2));
}

/// Somebody may have meant it well and given the daemon's user capabilities.
#[test]
fn a_daemon_of_a_user_has_no_privilege_either() {
    let folder = temporary_folder();
    let sink = folder.path().join("sink");
    forward_to(folder.path(), &sink);
    drop(Daemon::start_as(USER, folder.path()));
    let paths = Daemon::stopped(folder.path());
    let mut command = Command::new(programs::system("setpriv", "util-linux"));
    command.arg(format!("--reuid={USER}")).arg(format!("--regid={USER}")).arg("--clear-groups");
    command.args(["--inh-caps=+dac_override,+sys_ptrace", "--ambient-caps=+dac_override,+sys_ptrace", "--"]);
    command.arg(folder.path().join("ampoule")).args(paths.command().get_args()).env_clear();
    command.envs(paths.command().get_envs().filter_map(|(name, value)| Some((name, value?))));
    let job = Job::start(&mut command, b"", Command::spawn);
    let client = Client::new(&paths.socket(), Protocol::ConnectJson);
    wait_served(&paths.socket());
    client.create(&revealable("alpha")).expect("created");
    wait_until("the sink has it", || lines(&sink).iter().any(|line| line["entry"]["action"] == "vault.object.create"));
    assert_bare(job.pid(), false);
    job.signal(Signal::SIGTERM);
    job.wait().ok();
}

/// The mappings that are locked, and how many of them are left out of dumps.
fn locked(pid: u32) -> (usize, usize) {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("the daemon runs");
    let flags = text.lines().filter_map(|line| line.strip_prefix("VmFlags:"));
    let has = |flags: &str, flag| flags.split_whitespace().any(|found| found == flag);
    let locked: Vec<&str> = flags.filter(|flags| has(flags, "lo")).collect();
    (locked.len(), locked.iter().filter(|flags| has(flags, "dd")).count())
}

#[test]
fn keys_are_locked_in_memory_and_dumped_nowhere() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    for _ in 0..2 {
        let status = fields(Path::new(&format!("/proc/{}/status", daemon.pid())));
        // A page for the key-encryption key, one for the key of checkpoints.
        assert_eq!(status["VmLck"], "8 kB");
        assert_eq!(locked(daemon.pid()), (2, 2));
        assert!(!daemon.log_text().contains("RLIMIT_MEMLOCK"), "{}", daemon.log_text());
        stop(&mut daemon);
        daemon.launch();
        daemon.wait_ready();
    }
}

#[test]
fn a_daemon_that_may_lock_nothing_says_so_and_serves() {
    let folder = temporary_folder();
    let paths = Daemon::stopped(folder.path());
    let mut command = Command::new(programs::system("prlimit", "util-linux"));
    command.args(["--memlock=0:0", "--"]).arg(programs::ampoule()).args(paths.command().get_args()).env_clear();
    command.envs(paths.command().get_envs().filter_map(|(name, value)| Some((name, value?))));
    let job = Job::start(&mut command, b"", Command::spawn);
    let client = Client::new(&paths.socket(), Protocol::ConnectJson);
    wait_served(&paths.socket());
    let id = client.create(&revealable("alpha")).expect("created").object_id;
    assert_eq!(&*client.describe(&id).expect("described").value, "alpha");
    job.signal(Signal::SIGTERM);
    let said = job.wait().ok().err();
    let warnings: Vec<&str> = said.lines().filter(|line| line.contains("RLIMIT_MEMLOCK")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("WARN") && warnings[0].contains("\"limit\":0"), "{said}");
}

/// Somebody who can change where a name leads doesn't lead the daemon out of its folders.
#[test]
fn a_file_elsewhere_is_out_of_reach() {
    let (folder, elsewhere) = (temporary_folder(), temporary_folder());
    let (sink, other) = (folder.path().join("sinks").join("log"), elsewhere.path().join("log"));
    // Root could write both, and this one belongs to root.
    fs::write(&other, "").and_then(|()| fs::set_permissions(&other, Permissions::from_mode(0o666))).expect("a file");
    forward_to(folder.path(), &sink);
    let daemon = Daemon::start(folder.path());
    daemon.cli().add("alpha");
    wait_until("the sink has it", || is_forwarded(&daemon, &sink));
    fs::rename(&sink, sink.with_extension("old")).and_then(|()| symlink(&other, &sink)).expect("a link");
    let id = daemon.cli().add("beta");
    let is_refused = |line: &str| line.contains("the audit sink can't be written") && line.contains("denied");
    wait_until("the log says so", || daemon.log_text().lines().any(is_refused));
    assert_eq!(fs::read_to_string(&other).expect("a file"), "");
    assert_eq!(Rpc::new(&daemon.socket()).resolve(&id).as_deref(), Ok("beta"));
    // A rotated file is another one, in the same folder.
    fs::remove_file(&sink).expect("removed");
    wait_until("the sink has everything", || is_forwarded(&daemon, &sink));
}

/// A keyfile is made and read where the settings say, and a socket is made, found dead and removed.
#[test]
fn a_keyfile_and_a_socket_in_folders_of_their_own_are_within_reach() {
    let folder = temporary_folder();
    let [keys, run] = ["keys", "run/ampoule"].map(|name| folder.path().join(name));
    fs::create_dir(&keys).expect("a folder");
    let (keyfile, socket) = (keys.join("vault.key"), run.join("socket"));
    let paths = Daemon::stopped(folder.path());
    let start = || {
        let mut command = paths.command();
        command.env("AMPOULE_KEYFILE", &keyfile).env("AMPOULE_SOCKET", &socket);
        let job = Job::start(&mut command, b"", Command::spawn);
        wait_served(&socket);
        job
    };
    let mut job = start();
    let id = Cli::new(&socket).add("alpha");
    job.kill();
    job.wait();
    assert!(socket.exists() && keyfile.exists() && !paths.state().join("root.key").exists());
    let job = start();
    assert_eq!(Rpc::new(&socket).resolve(&id).as_deref(), Ok("alpha"));
    job.signal(Signal::SIGTERM);
    job.wait().ok();
    assert!(!socket.exists() && fs::read_dir(&keys).expect("a folder").count() == 1);
}

/// Makes a certificate, and lets the links to one lead there, by way of files of this number.
fn certify(links: &Path, files: &Path, number: usize) {
    let made = temporary_folder();
    let mut init = Command::new(programs::ampoule());
    init.args(["tls", "init", "--name", "a.test"]).env_clear().env("AMPOULE_STATE_DIR", made.path());
    process::run(&mut init, b"").ok();
    for name in ["server.crt", "server.key"] {
        let (link, file) = (links.join(name), files.join(format!("{number}-{name}")));
        let _ = fs::remove_file(&link);
        fs::copy(made.path().join("tls").join(name), &file).expect("copied");
        symlink(file, link).expect("a link");
    }
}

/// As certbot has it: links to the newest in a folder beside theirs.
#[test]
fn a_certificate_is_read_again_in_its_folder_and_nowhere_else() {
    let (folder, elsewhere) = (temporary_folder(), temporary_folder());
    let [links, files] = ["live", "archive"].map(|name| folder.path().join(name));
    fs::create_dir(&links).and_then(|()| fs::create_dir(&files)).expect("folders");
    certify(&links, &files, 1);
    let [certificate, key] = ["server.crt", "server.key"].map(|name| links.join(name).display().to_string());
    let listen = format!("listen: [{{address: 127.0.0.1:0, certificate: {certificate}, key: {key}}}]\n");
    fs::write(folder.path().join("ampoule.yaml"), listen).expect("written");
    let daemon = Daemon::start(folder.path());
    let says = |text: &str| daemon.log_text().contains(text);
    let ask = || {
        let mut curl = Command::new(programs::system("curl", "curl"));
        curl.args(["--silent", "--insecure", &format!("https://{}/healthz", daemon.addresses()[0])]).env_clear();
        assert_eq!(process::run(&mut curl, b"").ok().out(), "ok\n");
    };
    ask();
    assert!(!says("certificate read again"));
    certify(&links, &files, 2);
    ask();
    assert!(says("certificate read again") && !says("the certificate in use is kept"), "{}", daemon.log_text());
    certify(&links, elsewhere.path(), 3);
    ask();
    assert!(says("the certificate in use is kept"), "{}", daemon.log_text());
}
