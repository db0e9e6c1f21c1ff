//! Which methods there are, read from the `.proto` files so that a new one can't be forgotten.

use std::fs;
use std::path::{Path, PathBuf};

/// Nothing secret, and nothing that an entry would be worth: `network::health` tests it.
const FOR_EVERYBODY: &str = "/grpc.health.v1.Health/Check";

/// Not there unless it is built in, and it tells nothing of the vault: `wire` and `reflection` test it.
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// Every method that works on the vault: its path, `/package.Service/Method`.
pub(crate) fn methods() -> Vec<String> {
    let mut files = Vec::new();
    find(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/proto")), &mut files);
    let mut methods: Vec<String> = files.iter().flat_map(|file| methods_of(file)).collect();
    for other in [FOR_EVERYBODY, REFLECTION] {
        let place = methods.iter().position(|method| method == other).expect("in a .proto file");
        methods.remove(place);
    }
    methods.sort();
    assert!(methods.len() >= 7, "{methods:?}");
    methods
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("proto").flatten() {
        let path = entry.path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
}

fn methods_of(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("a .proto file");
    let (mut package, mut service, mut methods) = ("", "", Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("package ") {
            package = name.trim_end_matches(';');
        } else if let Some(name) = line.strip_prefix("service ") {
            service = name.trim_end_matches([' ', '{']);
        } else if let Some(signature) = line.strip_prefix("rpc ") {
            let name = signature.split('(').next().expect("a name");
            methods.push(format!("/{package}.{service}/{name}"));
        }
    }
    methods
}
