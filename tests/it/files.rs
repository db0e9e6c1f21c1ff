//! Secrets as files: what a container asked for is where it asked for it, its own and nobody else's, and on no disk.

pub(crate) mod crash;
mod life;
mod places;
mod podman;
mod refusals;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;

use serde_json::json;

use crate::support::bundle::{FIRST_ID, Request};
use crate::support::engine::{Site, on_runtimes_and_podman};
use crate::support::rig::Rig;
use crate::support::search::Needle;

/// A container that asks for nothing yet, and runs this script; what it shows is on standard output.
fn script(text: &str) -> Request {
    Request::new(&["sh", "-c", &format!("exec 2>&1\n{text}")])
}

/// Asks for a secret as a file.
fn asking(request: Request, name: &str, id: &str) -> Request {
    request.annotation(&format!("ampoule.dev/file.{name}"), id)
}

#[track_caller]
fn output(rig: &Rig, request: &Request) -> String {
    let ran = rig.engine.run_printing(request);
    assert_eq!(ran.code(), 0, "{}{}", ran.out(), ran.err());
    ran.out()
}

/// The processes that find the value in a file where files of ours are.
fn holders(needle: &Needle) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten().map(|entry| entry.path());
    let places =
        |process: PathBuf| ["run/secrets/A", "run/ampoule/files/0"].map(|place| process.join("root").join(place));
    processes.flat_map(places).filter(|path| fs::read(path).is_ok_and(|bytes| needle.is_in(&bytes))).collect()
}

/// What a user of the container may do with a file, as the kernel says.
const LOOK: &str = "
look() {
    echo \"$(stat -c '%F %a %u:%g %s' $1), $(stat -f -c %T $1)\"
    grep \" $1 \" /proc/mounts | tr ' ,' '\\n\\n' | grep -E '^(ro|rw|nosuid|nodev|noexec)$' | sort | tr '\\n' ' '
    cat $1
    echo
}
";

fn a_file_is_read_only_and_its_owners_alone(rig: &Rig) {
    let id = rig.daemon.cli().add("alpha");
    let attempts = "
        look /run/secrets/A
        for attempt in 'echo x >/run/secrets/A' 'rm -f /run/secrets/A' 'chmod 0777 /run/secrets/A' 'mv /run/secrets/A /tmp'; do
            sh -c \"$attempt\" 2>/dev/null && echo \"it can: $attempt\"
        done
        cat /run/secrets/A";
    let seen = output(rig, &asking(script(&format!("{LOOK}{attempts}")), "A", &id));
    assert_eq!(seen, "regular file 400 0:0 5, tmpfs\nnodev noexec nosuid ro alpha\nalpha");
}

fn users_other_than_root_get_their_own(rig: &Rig) {
    let id = rig.daemon.cli().add("alpha");
    let mut request = asking(script(&format!("{LOOK}look /run/secrets/A; id -u")), "A", &id);
    request.user = (1000, 2000);
    let expected = "regular file 400 1000:2000 5, tmpfs\nnodev noexec nosuid ro alpha\n1000\n";
    assert_eq!(output(rig, &request), expected);
}

/// Who is root in a user namespace alone has to get to the root file system, and to make mount points in it.
fn let_everybody_pass(site: &Site) {
    fs::set_permissions(site.folder(), fs::Permissions::from_mode(0o711)).expect("mode");
    chown(&site.rootfs, Some(FIRST_ID), Some(FIRST_ID)).expect("owner");
}

fn user_namespaces_map_the_owner(rig: &Rig) {
    let_everybody_pass(rig.engine.site());
    let id = rig.daemon.cli().add("alpha");
    for user in [(0, 0), (1000, 2000)] {
        let text = format!("{LOOK}look /run/secrets/A; cut -c1-32 /proc/self/uid_map | tr -s ' '");
        let mut request = asking(script(&text), "A", &id);
        (request.user, request.user_namespace) = (user, true);
        let (uid, gid) = user;
        let expected =
            format!("regular file 400 {uid}:{gid} 5, tmpfs\nnodev noexec nosuid ro alpha\n 0 100000 65536\n");
        assert_eq!(output(rig, &request), expected);
        // Where an administrator lets nobody else into the run directory, the runtime gets there all the same.
        let run_dir = rig.engine.site().realm.outside("/run/ampoule");
        fs::set_permissions(run_dir, fs::Permissions::from_mode(0o700)).expect("mode");
    }
}

fn files_and_variables_side_by_side(rig: &Rig) {
    let cli = rig.daemon.cli();
    let (a, b) = (cli.add("alpha"), cli.add("beta"));
    cli.set(&b, "gamma");
    let request =
        script("cat /run/secrets/A /etc/app/b.key; echo $A $B; ls /run/secrets").env("A", &format!("ampoule://{b}"));
    let request = asking(asking(request, "A", &a), "b", &format!("{b}@1"));
    let request = request
        .annotation("ampoule.dev/file.b.path", "/etc/app/b.key")
        .annotation("ampoule.dev/env-vars", &json!([{"name": "B", "from_secret_id": a}]).to_string());
    assert_eq!(output(rig, &request), "alphabetagamma alpha\nA\n");
    let told: Vec<_> = cli.injections().iter().map(|entry| entry["attributes"]["file"].clone()).collect();
    let files: Vec<_> = told.iter().filter_map(|file| file.as_str()).collect();
    assert!(told.len() == 4 && files.len() == 2, "{told:?}");
    assert!(files.contains(&"/run/secrets/A") && files.contains(&"/etc/app/b.key"), "{files:?}");
}

fn one_mebibyte_of_files(rig: &Rig) {
    let cli = rig.daemon.cli();
    let values: Vec<_> = (0..16).map(|n| format!("{n:02}-0123456789abc").repeat(4096)).collect();
    let names = (0..16).map(|n| format!("file-{n:02}.part_{n}"));
    let request =
        names.zip(&values).fold(script("cat /run/secrets/*; du -k /run/secrets >&2"), |request, (name, value)| {
            asking(request, &name, &cli.add(value))
        });
    let seen = output(rig, &request);
    assert!(seen.starts_with(&values.concat()) && seen.len() < (1 << 20) + 100, "{} bytes", seen.len());
}

fn any_text_is_a_file(rig: &Rig) {
    let cli = rig.daemon.cli();
    let control: String = (1..=31).map(char::from).collect();
    let unicode = "p\u{e4}ss \u{1f511} \u{2028}\u{feff}\u{10ffff} e\u{301}";
    for value in
        ["\n\nlines\r\n\n", r#"'"`\$HOME $(id) \" {"a": "b\n"} %s ;"#, &control, unicode, "ampoule://sec_abc", "x"]
    {
        assert_eq!(output(rig, &asking(script("cat /run/secrets/A"), "A", &cli.add(value))), value);
    }
}

on_runtimes_and_podman!(
    a_file_is_read_only_and_its_owners_alone,
    users_other_than_root_get_their_own,
    user_namespaces_map_the_owner,
    files_and_variables_side_by_side,
    one_mebibyte_of_files,
    any_text_is_a_file,
);

/// On the other engines, as far as they hand annotations on.
mod elsewhere {
    use super::{Rig, any_text_is_a_file, asking, files_and_variables_side_by_side, script};

    fn files(rig: &Rig) {
        let request = asking(script("true"), "A", &rig.daemon.cli().add("alpha"));
        if rig.engine.carries(&request) {
            // First, since it looks at the whole log.
            files_and_variables_side_by_side(rig);
            any_text_is_a_file(rig);
        } else {
            let ran = rig.engine.run(&request);
            assert!(rig.engine.does_not_carry(&ran), "{}", ran.err());
        }
    }

    crate::support::engine::on_engine!(docker, files);
    crate::support::engine::on_engine!(containerd, files);
    crate::support::engine::on_engine!(podman_rootless, files);
}
