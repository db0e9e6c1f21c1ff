//! Exports, and checking them without any code of ours.

use std::fs::{self, File};

use serde_json::Value;

use super::{fill, stop, written};
use crate::support::daemon::Daemon;
use crate::support::log::verifier;
use crate::support::process;
use crate::support::rig::temporary_folder;

#[test]
fn an_export_goes_on_where_it_ended() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    fill(&daemon, 100);
    let path = folder.path().join("log.jsonl");
    let file = path.to_str().expect("UTF-8");
    let cli = daemon.cli();
    cli.run(&["audit", "export", "-o", file], b"").ok();
    let first = fs::read_to_string(&path).expect("exported");
    // The machine goes down in the middle of the next one.
    File::options()
        .append(true)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"{\"index\":1"))
        .expect("torn");
    fill(&daemon, 200);
    cli.run(&["audit", "export", "-o", file], b"").ok();
    let whole = fs::read_to_string(&path).expect("exported");
    assert!(whole.starts_with(&first) && whole.len() > first.len());
    assert_eq!(whole, cli.run(&["audit", "export"], b"").ok().out());
    let tail = cli.run(&["audit", "export", "--from", "150"], b"").ok().out();
    assert!(whole.ends_with(&tail) && tail.starts_with(r#"{"index":150,"#), "{}", &tail[..40]);
    for (number, line) in whole.lines().enumerate() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["index"], number);
        assert!(line["entry"].as_str().is_some_and(|entry| entry.starts_with(r#"{"v":1,"at":"#)), "{line}");
    }
}

#[test]
fn an_export_is_checked_against_a_checkpoint_by_python() {
    let folder = temporary_folder();
    let mut daemon = Daemon::start(folder.path());
    fill(&daemon, 300);
    let key = daemon.cli().run(&["audit", "key"], b"").ok().out();
    stop(&mut daemon);
    daemon.launch();
    daemon.wait_ready();
    let export = daemon.cli().run(&["audit", "export"], b"").ok().out();
    let note = daemon.cli().run(&["audit", "checkpoint"], b"").ok().out();
    let note_path = written(&folder.path().join("note"), &note);
    let accepts = |export: &str, note: &str, key: &str| {
        let path = written(&folder.path().join("export"), export);
        let ran = process::run(&mut verifier(&["log", &path, "--checkpoint", note, "--key", key.trim()]), b"");
        assert_eq!(ran.code() == 0, ran.out().starts_with("ok: "), "{ran:?}");
        (ran.code(), ran.err())
    };
    assert_eq!(accepts(&export, &note_path, &key), (0, String::new()));
    let lines: Vec<&str> = export.lines().collect();
    let without = |place: usize| [&lines[..place], &lines[place + 1..]].concat().join("\n");
    for (what, changed) in [
        ("changed", export.replacen("\\\"uid\\\":0", "\\\"uid\\\":1", 1)),
        ("removed", without(7)),
        ("cut off", lines[..200].join("\n")),
        ("nothing", String::new()),
    ] {
        let (code, error) = accepts(&changed, &note_path, &key);
        assert!(code == 1 && error.starts_with("wrong: ") && error.lines().count() == 1, "{what}: {code} {error}");
    }
    let other = written(&folder.path().join("other"), &note.replacen('\n', "x\n", 1));
    assert_eq!(accepts(&export, &other, &key).0, 1);
    let mut another = key.clone().into_bytes();
    let place = another.len() - 5;
    another[place] = if another[place] == b'A' { b'B' } else { b'A' };
    assert_eq!(accepts(&export, &note_path, &String::from_utf8(another).expect("ASCII")).0, 1);
}
