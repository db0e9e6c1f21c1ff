//! The same for engines with a daemon of their own, for buildah and for rootless podman.

use std::os::unix::fs::chown;

use super::{Seen, assert_same, seen, sh, sites};
use crate::support::bundle::Request;
use crate::support::engine::{Buildah, Containerd, Docker, Engine, Kind, Podman, Site, rootless};
use crate::support::process::Ran;
use crate::support::programs;

/// Compares an engine on the runtime and on the shim.
#[track_caller]
fn same_on<E: Engine>(sites: [Site; 2], start: impl Fn(Site) -> E, see: impl Fn(&E) -> Seen) {
    let [bare, shimmed] = sites.map(|site| see(&start(site)));
    assert_same(&shimmed, &bare);
}

/// How containers end, and what they say meanwhile: their own exit codes, and the runtime's words if it can't start them.
fn ends(engine: &dyn Engine) -> Seen {
    let requests = [
        Request::new(&["true"]),
        sh("echo out; echo err >&2; sleep 0.3; exit 42"),
        Request::new(&["/bin/not-executable"]),
        Request::new(&["no-such-program"]),
        sh("sh -c 'kill -9 $$'; exit $?"),
        sh(
            "grep -E '^(Sig[^Q]|Umask|Cap|NoNew|Seccomp|Threads)' /proc/self/status; cat /proc/self/limits; env; sleep 0.3",
        ),
    ];
    requests.iter().map(|request| without_names(&seen(engine, &engine.run(request)))).collect()
}

/// Engines and runtimes give random names to a container and its bundle.
fn without_names(text: &str) -> String {
    // Docker's client says this now and then, whichever the runtime.
    let lines =
        text.split_inclusive('\n').filter(|line| !line.contains("error waiting for container: context canceled"));
    let text = lines.collect::<String>();
    let is_name = |word: &&str| word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let separators = |c: char| !c.is_ascii_alphanumeric();
    let names: Vec<_> = text.split(separators).filter(is_name).collect();
    let text = names.iter().fold(text.clone(), |text, name| text.replace(name, "NAME"));
    let digits = |word: &str| word.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    text.split_inclusive(separators)
        .map(|word| if word.starts_with("buildah") { &word[..digits(word)] } else { word })
        .collect()
}

fn codes(seen: &[String], codes: [i32; 5]) {
    let fits = seen.iter().zip(codes).all(|(seen, code)| seen.starts_with(&format!("exit {code}\n")));
    assert!(fits, "{seen:#?}");
}

#[test]
fn docker_sees_no_difference() {
    same_on(sites(Kind::Runc), Docker::new, |docker| {
        let mut all = ends(docker);
        codes(&all, [0, 42, 126, 127, 137]);
        docker.launch(&["run", "--detach", "--name", "kept"], &Request::sleeping()).ok();
        let call = |args: &[&str]| -> Ran { docker.call(args) };
        for _ in 0..2 {
            call(&["restart", "--time", "0", "kept"]).ok();
            let inspected = call(&["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "kept"]);
            let exec = call(&["exec", "kept", "sh", "-c", "echo inside; exit 3"]);
            all.extend([seen(docker, &inspected), seen(docker, &exec)]);
        }
        docker.stop("kept");
        all.push(seen(docker, &call(&["inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", "kept"])));
        docker.delete("kept").ok();
        all
    });
}

#[test]
fn containerd_sees_no_difference() {
    same_on(sites(Kind::Runc), Containerd::new, |containerd| {
        let mut all = ends(containerd);
        codes(&all, [0, 42, 1, 1, 137]);
        containerd.create("kept", &Request::sleeping()).ok();
        let exec = ["tasks", "exec", "--exec-id", "e", "kept", "sh", "-c", "echo inside; exit 3"];
        all.push(seen(containerd, &containerd.call(&exec)));
        containerd.stop("kept");
        all.push(seen(containerd, &containerd.delete("kept")));
        all
    });
}

#[test]
fn buildah_sees_no_difference() {
    same_on(sites(Kind::Runc), Buildah::new, ends_of_buildah);
}

fn ends_of_buildah(buildah: &Buildah) -> Seen {
    // It calls the runtime by its path.
    let program = buildah.site().kind.program().display().to_string();
    let all: Seen = ends(buildah).iter().map(|seen| seen.replace(&program, "FOLDER/runc")).collect();
    codes(&all, [0, 42, 1, 1, 137]);
    all
}

#[test]
fn rootless_podman_sees_no_difference() {
    let sites = sites(Kind::Crun);
    for site in &sites {
        chown(site.folder(), Some(rootless::USER), Some(rootless::USER)).expect("owner");
    }
    let [bare, shimmed] = sites;
    // Ours may lie where that user can't go.
    let shim = shimmed.folder().join("ampoule-shim");
    programs::copy(&programs::shim(), &shim);
    std::fs::remove_file(&shimmed.program).expect("link");
    std::os::unix::fs::symlink(shim, &shimmed.program).expect("link");
    same_on([bare, shimmed], Podman::rootless, |podman| {
        let all = ends(podman);
        codes(&all, [0, 42, 126, 127, 137]);
        all
    });
}
