//! Proofs of single entries.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{fill, written};
use crate::support::daemon::Daemon;
use crate::support::log::verifier;
use crate::support::process;
use crate::support::rig::temporary_folder;
use crate::support::rpc::Rpc;

#[test]
fn a_proof_is_checked_by_python() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    fill(&daemon, 600);
    let key = daemon.cli().run(&["audit", "key"], b"").ok().out();
    let accepts = |proof: &Value| {
        let path = written(&folder.path().join("proof"), &proof.to_string());
        process::run(&mut verifier(&["proof", &path, "--key", key.trim()]), b"").code() == 0
    };
    // The newest one is covered within a second: the command waits for it.
    let newest = Rpc::new(&daemon.socket()).audit(0, "").1 - 1;
    for index in [0, 1, 255, 256, 511, 600, newest] {
        let proof = daemon.cli().run(&["audit", "prove", &index.to_string()], b"").ok().stdout;
        let proof: Value = serde_json::from_slice(&proof).expect("JSON");
        assert_eq!(proof["index"], index);
        assert!(accepts(&proof), "{proof}");
        for (part, wrong) in [
            ("index", json!(index + 1)),
            ("entry", json!(proof["entry"].as_str().expect("text").replacen("at", "ta", 1))),
            ("hashes", json!([])),
            ("hashes", json!(proof["hashes"].as_array().expect("a list").iter().rev().collect::<Vec<_>>())),
            ("checkpoint", json!(of_another_size(proof["checkpoint"].as_str().expect("text")))),
        ] {
            let mut changed = proof.clone();
            changed[part] = wrong;
            assert!(!accepts(&changed), "{part} of {index}: {changed}");
        }
    }
    let nothing = daemon.cli().run(&["audit", "prove", "1000000"], b"");
    assert!(nothing.code() == 1 && nothing.err().contains("no entry 1000000"), "{nothing:?}");
}

#[test]
fn the_log_of_a_checkpoint_continues_an_earlier_one() {
    let folder = temporary_folder();
    let daemon = Daemon::start(folder.path());
    fill(&daemon, 300);
    let mut rpc = Rpc::new(&daemon.socket());
    // Its proof waits for the checkpoint that covers it.
    daemon.cli().run(&["audit", "prove", "300"], b"").ok();
    let mut consistency =
        |old: u64| rpc.call("ampoule.v1.AuditService/GetConsistencyProof", &json!({ "old_size": old.to_string() }));
    let proof = consistency(256).expect("a proof");
    let hashes = proof["hashes"].as_array().expect("hashes");
    assert!(hashes.iter().all(|hash| STANDARD.decode(hash.as_str().expect("text")).expect("base64").len() == 32));
    assert!(proof["checkpoint"].as_str().expect("a note").starts_with("ampoule/tenant_"));
    for wrong in [0, 1_000_000] {
        assert_eq!(consistency(wrong).expect_err("refused").code, "invalid_argument");
    }
}

/// A checkpoint whose second line, the size, has another digit before it.
fn of_another_size(checkpoint: &str) -> String {
    checkpoint.replacen('\n', "\n1", 1)
}
