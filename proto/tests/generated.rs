//! The committed code under `src/gen/` is what the `.proto` files produce.
//!
//! `AMPOULE_REGENERATE=1 cargo test -p ampoule-proto --test generated` rewrites it.

#[path = "generated/descriptors.rs"]
mod descriptors;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use buffa_codegen::StringRepr;
use buffa_codegen::generated::descriptor::FileDescriptorSet;
use connectrpc_codegen::codegen::{self, Options};

/// Each `.proto` file, relative to the crate's root.
const PROTOS: [&str; 12] = [
    "namespace/stdlib/labels.proto",
    "namespace/cloud/iam/v1beta/token.proto",
    "namespace/cloud/vault/v1beta/vault.proto",
    "namespace/cloud/compute/v1beta/compute.proto",
    "ampoule/v1/injection.proto",
    "ampoule/v1/audit.proto",
    "ampoule/v1/devbox.proto",
    "ampoule/v1/usage.proto",
    "ampoule/v1/session.proto",
    "ampoule/v1/dashboard.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
];

/// Fields that carry a secret's value, or a token: decoded into a type that is wiped on drop and has a redacted `Debug`.
const SECRET_FIELDS: [&str; 7] = [
    ".namespace.cloud.compute.v1beta.EnvironmentVariable.value",
    ".namespace.cloud.iam.v1beta.CreateRevokableTokenResponse.bearer_token",
    ".namespace.cloud.vault.v1beta.CreateObjectRequest.value",
    ".namespace.cloud.vault.v1beta.UpdateObjectRequest.new_value",
    ".namespace.cloud.vault.v1beta.DescribeObjectResponse.value",
    ".ampoule.v1.ResolvedSecret.value",
    ".ampoule.v1.CreateLinkResponse.ticket",
];

#[test]
fn committed_code_is_what_the_proto_files_produce() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = generate(root);
    let target = root.join("src/gen");
    if is_to_be_rewritten() {
        let _ = fs::remove_dir_all(&target);
        for (name, content) in &fresh {
            let path = target.join(name);
            fs::create_dir_all(path.parent().expect("has a parent")).expect("create folder");
            fs::write(path, content).expect("write generated file");
        }
        return;
    }
    let committed = read_tree(&target);
    assert_eq!(
        committed.keys().collect::<Vec<_>>(),
        fresh.keys().collect::<Vec<_>>(),
        "the set of generated files changed: run with AMPOULE_REGENERATE=1"
    );
    for (name, content) in &fresh {
        assert!(committed[name] == *content, "{} is stale: run with AMPOULE_REGENERATE=1", name.display());
    }
}

#[allow(clippy::disallowed_methods, reason = "whoever runs the test says it")]
fn is_to_be_rewritten() -> bool {
    std::env::var_os("AMPOULE_REGENERATE").is_some()
}

fn generate(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let descriptors = protox::Compiler::new([root])
        .expect("a proto root")
        .include_imports(true)
        .include_source_info(true)
        .open_files(PROTOS)
        .expect("the .proto files compile")
        .encode_file_descriptor_set();
    let set = buffa_codegen::tooling_decode_options()
        .expect("decode options")
        .decode_from_slice::<FileDescriptorSet>(&descriptors)
        .expect("the descriptor set decodes");
    let wanted = PROTOS.map(str::to_owned);

    let mut options = Options::default();
    options.buffa.generate_json = true;
    options.buffa.generate_views = true;
    options.buffa.gate_impls_on_crate_features = true;
    options.buffa.file_per_package = true;
    options.buffa.emit_register_fn = false;
    options.buffa.preserve_unknown_fields = false;
    for field in SECRET_FIELDS {
        options.buffa.string_fields.push((field.to_owned(), StringRepr::Custom("crate::wire::SecretText".to_owned())));
    }
    let mut files = BTreeMap::new();
    for file in buffa_codegen::generate(&set.file, &wanted, &options.buffa).expect("messages") {
        files.insert(Path::new("messages").join(&file.name), file.content.into_bytes());
    }
    options.gate_client_feature = true;
    "client".clone_into(&mut options.client_feature_name);
    options.buffa.extern_paths.push((".".to_owned(), "crate::messages".to_owned()));
    for file in codegen::generate_services(&set.file, &wanted, &options).expect("services") {
        files.insert(Path::new("services").join(&file.name), file.content.into_bytes());
    }
    files.extend(descriptors::files(&set.file));
    files
}

fn read_tree(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src/gen is there") {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below src/gen").to_owned();
                files.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    files
}
