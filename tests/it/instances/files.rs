//! Files into containers and out of them.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::json;

use super::power::token;
use super::{Host, IMAGE, id};
use crate::support::rig::temporary_folder;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o7777
}

/// A folder with a bit of everything.
fn make_tree(folder: &Path) {
    fs::create_dir_all(folder.join("sub/empty")).expect("folders");
    let long = "n".repeat(150);
    for (name, content, mode) in
        [("script", "#!/bin/sh\n", 0o755), ("sub/data", &"x".repeat(300_000), 0o640), (&long, "", 0o600)]
    {
        fs::write(folder.join(name), content).expect("written");
        fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).expect("mode");
    }
    fs::set_permissions(folder.join("sub"), Permissions::from_mode(0o2750)).expect("mode");
    symlink("sub/data", folder.join("link")).expect("link");
}

#[test]
fn files_go_in_and_come_out_as_they_are() {
    let host = Host::new();
    let instance = id(&host.run(&json!({"name": "box", "image_ref": IMAGE, "args": ["sleep", "1000"]})));
    let folder = temporary_folder();
    let (tree, back) = (folder.path().join("tree"), folder.path().join("back"));
    make_tree(&tree);
    fs::create_dir(&back).expect("a folder");
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let there = |path: &str| format!("{instance}:{path}");
    let copy = |from: &str, to: &str| host.cli().run(&["instance", "copy", from, to], b"");
    let shell =
        |script: &str| host.cli().run(&["instance", "exec", &instance, "--", "sh", "-c", script], b"").ok().out();
    shell("mkdir -p /work");
    // Into a folder that is there, and as a new name.
    copy(&text(&tree), &format!("{instance}/box:/work")).ok();
    copy(&text(&tree), &there("/work/other")).ok();
    copy(&text(&tree.join("script")), &there("/work/other/program")).ok();
    let listed = shell(
        "cd /work && stat -c '%a %u' tree/script tree/sub/data other/program && readlink tree/link && wc -c < other/sub/data && ls tree | wc -l",
    );
    assert_eq!(listed, "755 0\n640 0\n755 0\nsub/data\n300000\n4\n");
    // Out again: under its own name, under another, and what is in it.
    copy(&there("/work/tree"), &text(&back)).ok();
    copy(&there("/work/tree"), &text(&folder.path().join("named"))).ok();
    fs::create_dir(folder.path().join("filled")).expect("a folder");
    copy(&there("/work/tree/."), &text(&folder.path().join("filled"))).ok();
    copy(&there("/work/tree/script"), &text(&back.join("renamed"))).ok();
    for copied in [back.join("tree"), folder.path().join("named"), folder.path().join("filled")] {
        assert_eq!(
            (mode(&copied.join("script")), mode(&copied.join("sub/data"))),
            (0o755, 0o640),
            "{}",
            copied.display()
        );
        assert_eq!(fs::read(copied.join("sub/data")).expect("read").len(), 300_000);
        assert_eq!(fs::read_link(copied.join("link")).expect("a link"), Path::new("sub/data"));
        assert!(copied.join("sub/empty").is_dir() && copied.join("n".repeat(150)).is_file());
        // No set-group-id comes from there.
        assert_eq!(mode(&copied.join("sub")), 0o750, "{}", copied.display());
    }
    assert_eq!(fs::read_to_string(back.join("renamed")).expect("read"), "#!/bin/sh\n");
    // As archives.
    let archive = copy(&there("/work/tree/script"), "-").ok().stdout;
    host.cli().run(&["instance", "copy", "-", &there("/work/other")], &archive).ok();
    assert_eq!(shell("cat /work/other/script"), "#!/bin/sh\n");
    // What can't be done says why.
    for (from, to, words) in [
        (text(&tree), there("/nowhere/at/all"), "nowhere"),
        (there("/nowhere"), text(&back), "there is no /nowhere in the container"),
        (text(&folder.path().join("absent")), there("/work"), "absent"),
        (text(&tree), there("/work/new/"), "no such folder"),
        (text(&tree), there("work"), "not an absolute path"),
        (text(&tree), "inst-0000000000:/work".to_owned(), "not known"),
    ] {
        let ran = copy(&from, &to);
        assert!(ran.code() == 1 && ran.err().contains(words), "{from} {to}: {} {}", ran.code(), ran.err());
    }
    // Only for those who may run commands there, and never unseen.
    let token = token(&host, &["compute/instance:*:create,describe,list,destroy"]);
    let secret = host.cli().add("alpha");
    for args in [
        vec!["instance", "copy", &text(&tree), &there("/work")],
        vec!["instance", "copy", &there("/work"), "-"],
        vec!["instance", "exec", "-i", &instance, "--", "true"],
    ] {
        let ran = host.cli().run(&[&["--token_file", &token], args.as_slice()].concat(), b"");
        assert!(ran.code() == 1 && ran.out().is_empty() && ran.err().contains("not known"), "{args:?}: {}", ran.err());
        let last = host.cli().entries("compute.instance.exec").pop().expect("an entry");
        assert_eq!(
            (&last["attributes"]["outcome"], &last["target"]["id"]),
            (&"denied".into(), &instance.as_str().into())
        );
    }
    let token = super::power::token(&host, &["compute/instance:*:exec"]);
    let variable = format!("A={secret}");
    let args = ["--token_file", &token, "instance", "exec", "-i", "--secret", &variable, &instance, "--", "env"];
    let ran = host.cli().run(&args, b"");
    assert!(ran.code() == 1 && ran.err().contains(&secret) && !ran.out().contains("alpha"), "{}", ran.err());
    let with = ["instance", "exec", "-i", "--secret", &variable, &instance, "--", "sh", "-c", "echo $A"];
    assert_eq!(host.cli().run(&with, b"").ok().out(), "alpha\n");
    let reasons: Vec<_> =
        host.cli().entries("compute.instance.exec").iter().map(|entry| entry["attributes"]["reason"].clone()).collect();
    for reason in ["upload /work", "download /work/tree/script", "sh"] {
        assert!(reasons.contains(&reason.into()), "{reason}: {reasons:?}");
    }
    host.destroy(&instance);
}
