//! The rules. Each gives the place and the cause of what breaks it.

use super::code::{Source, has_extension};

/// What each module of `src/` may name of the others. Who isn't here may name none, and has to be put here.
///
/// `domain ← authz ← audit ← seal ← store ← vault ← api`: a module names what stands to the left of it.
const MAY_NAME: [(&str, &[&str]); 15] = [
    ("domain", &[]),
    ("authz", &["domain"]),
    ("audit", &["domain", "authz"]),
    // One look to the right: the proof that an entry is durable is made where that is so, and asked for here.
    ("seal", &["domain", "authz", "audit", "store::Recorded"]),
    ("store", &["domain", "authz", "audit", "seal"]),
    ("vault", &["domain", "authz", "audit", "seal", "store"]),
    // It knows command lines of engines, and nothing of what they are for.
    ("engine", &[]),
    ("instances", &["domain", "authz", "vault", "engine", "seal::KeyError"]),
    // Pages over the same use cases as the API.
    (
        "dashboard",
        &[
            "domain",
            "authz",
            "audit",
            "vault",
            "instances",
            "engine::Frame",
            "engine::Session",
            "store::AuditRow",
            "store::ObjectOrder",
            "store::StoreError",
        ],
    ),
    // It calls use cases, never the keys or the store: of that it knows what use cases return.
    (
        "api",
        &[
            "domain",
            "authz",
            "audit",
            "vault",
            "instances",
            "engine::EngineError",
            "dashboard",
            "engine::Frame",
            "engine::Input",
            "engine::Output",
            "engine::Session",
            "engine::Window",
            "store::AuditRow",
            "store::StoreError",
            "config::Limits",
            "config::TlsSettings",
        ],
    ),
    // Settings are read into what the rest works with: a grant is a list of permissions, which authz alone can parse.
    ("config", &["authz::Permission", "authz::InvalidPermission", "domain::instance::ImageRef"]),
    ("terminal", &[]),
    (
        "daemon",
        &[
            "config",
            "terminal",
            "domain",
            "authz",
            "audit",
            "seal",
            "store",
            "vault",
            "engine",
            "instances",
            "dashboard::Concerns",
            "api",
        ],
    ),
    // It speaks the wire; `serve` is the daemon itself, and `audit verify` reads a log that no daemon is there to tell.
    (
        "cli",
        &[
            "config",
            "terminal",
            "domain",
            "audit",
            "daemon",
            "store::sqlite::verify",
            "store::sqlite::Expected",
            "store::sqlite::VerifyError",
        ],
    ),
    ("bin", &["cli"]),
];

/// Modules without input or output.
const PURE: [&str; 4] = ["src/domain/", "src/authz/", "src/audit/", "src/seal/"];

/// What such a module doesn't name, and what that is.
const IMPURE: [(&str, &str); 19] = [
    ("std::net", "a socket"),
    ("std::os::unix::net", "a socket"),
    ("listenfd", "a socket"),
    ("tokio", "the async runtime"),
    ("async_trait", "the async runtime"),
    ("futures", "the async runtime"),
    ("futures_util", "the async runtime"),
    ("hyper", "the wire"),
    ("hyper_util", "the wire"),
    ("http", "the wire"),
    ("http_body_util", "the wire"),
    ("axum", "the wire"),
    ("tower", "the wire"),
    ("reqwest", "the wire"),
    ("ampoule_proto::call", "the wire"),
    ("ampoule_proto::wire", "the wire"),
    ("std::future", "the async runtime"),
    ("std::task", "the async runtime"),
    ("std::process", "another process"),
];

/// Of `std::net`, what is a plain value.
const ADDRESSES: [&str; 4] = ["std::net::SocketAddr", "std::net::IpAddr", "std::net::Ipv4Addr", "std::net::Ipv6Addr"];

const SQL_CRATES: [&str; 4] = ["rusqlite", "libsqlite3_sys", "tokio_postgres", "sqlx"];
const SQL_VERBS: [&str; 12] = [
    "SELECT ",
    "INSERT ",
    "UPDATE ",
    "DELETE FROM ",
    "REPLACE INTO ",
    "CREATE ",
    "DROP ",
    "ALTER ",
    "PRAGMA ",
    "BEGIN ",
    "COMMIT",
    "WITH RECURSIVE ",
];

const GENERATED: [&str; 5] =
    ["ampoule_proto::messages", "ampoule_proto::services", "buffa", "buffa_types", "connectrpc"];
/// The two ends of the wire.
const SPEAKS_MESSAGES: [&str; 4] = ["proto/src/", "src/api/", "src/cli/", "shim/src/"];

const ENVIRONMENT: [&str; 7] = ["var", "var_os", "vars", "vars_os", "temp_dir", "home_dir", "*"];
const READS_ENVIRONMENT: [&str; 2] = ["src/config/", "shim/src/config.rs"];

const UNSAFE: &str = "shim/src/deliver/sys.rs";
/// It exports one symbol, for which Rust has no safe attribute.
const EXPORTS: &str = "shim/src/main.rs";

const MOST_LINES: usize = 400;

/// What a file of the programs breaks.
pub(super) fn broken_by(source: &Source) -> Vec<String> {
    let rules = [imports, sql, purity, messages, environment];
    rules.iter().flat_map(|rule| rule(source)).chain(broken_anywhere_by(source)).collect()
}

/// What any file may break.
pub(super) fn broken_anywhere_by(source: &Source) -> Vec<String> {
    [safety(source), length(source)].concat()
}

fn imports(source: &Source) -> Vec<String> {
    let Some((module, _)) = source.path.strip_prefix("src/").and_then(|path| path.split_once(['/', '.'])) else {
        return Vec::new();
    };
    if module == "lib" {
        return Vec::new();
    }
    let Some((_, allowed)) = MAY_NAME.iter().find(|(name, _)| *name == module) else {
        return vec![fault(
            source,
            0,
            &format!("`{module}` is in no list: say in tests/it/tidy/rules.rs what it may name"),
        )];
    };
    let is_allowed =
        |path: &str| path == "crate" || is_within(path, module) || allowed.iter().any(|to| is_within(path, to));
    let named = source.paths.iter().filter_map(|(at, path)| Some((*at, path.strip_prefix("crate::")?)));
    let others = named.filter(|(_, path)| !is_allowed(path));
    others.map(|(at, path)| fault(source, at, &format!("`{module}` may not name crate::{path}"))).collect()
}

fn sql(source: &Source) -> Vec<String> {
    if source.path.starts_with("src/store/") {
        return Vec::new();
    }
    if has_extension(&source.path, "sql") {
        return vec![fault(source, 0, "SQL outside src/store/")];
    }
    let is_statement = |literal: &str| {
        let text = literal.trim_start_matches(['b', 'c', 'r', '#']).trim_start_matches('"').trim_start();
        SQL_VERBS.iter().any(|verb| text.starts_with(verb))
    };
    let statements = source.literals.iter().filter(|(_, literal)| is_statement(literal));
    let crates = source.paths.iter().filter(|(_, path)| SQL_CRATES.iter().any(|name| is_within(path, name)));
    statements.chain(crates).map(|(at, what)| fault(source, *at, &format!("SQL outside src/store/: {what}"))).collect()
}

fn purity(source: &Source) -> Vec<String> {
    if !PURE.iter().any(|folder| source.path.starts_with(folder)) {
        return Vec::new();
    }
    let kind = |path: &str| IMPURE.iter().find(|(name, _)| is_within(path, name)).map(|(_, kind)| *kind);
    let is_address = |path: &str| ADDRESSES.iter().any(|name| is_within(path, name));
    let keyword = |path: &str| ["async", "await"].contains(&path).then_some("the async runtime");
    let paths = source.paths.iter().filter(|(_, path)| !is_address(path));
    let faults = paths.filter_map(|(at, path)| Some((at, path, kind(path).or_else(|| keyword(path))?)));
    faults.map(|(at, path, kind)| fault(source, *at, &format!("{kind} in a module that has none: {path}"))).collect()
}

fn messages(source: &Source) -> Vec<String> {
    if SPEAKS_MESSAGES.iter().any(|folder| source.path.starts_with(folder)) {
        return Vec::new();
    }
    let used = source.paths.iter().filter(|(_, path)| GENERATED.iter().any(|name| is_within(path, name)));
    used.map(|(at, path)| fault(source, *at, &format!("a generated message away from the wire: {path}"))).collect()
}

fn environment(source: &Source) -> Vec<String> {
    if READS_ENVIRONMENT.iter().any(|path| source.path.starts_with(path)) {
        return Vec::new();
    }
    let reads = |path: &str| {
        path.rsplit_once("::")
            .is_some_and(|(module, name)| (module == "env" || module == "std::env") && ENVIRONMENT.contains(&name))
    };
    let calls = source.paths.iter().filter(|(_, path)| reads(path)).map(|(at, path)| (*at, path.as_str()));
    // clap reads it for an argument that says so.
    let arguments = source.code.match_indices("#[arg(").filter(|(at, _)| {
        let attribute = source.code[*at..].split(']').next().unwrap_or_default();
        attribute.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "env")
    });
    let read = calls.chain(arguments);
    read.map(|(at, what)| fault(source, at, &format!("the environment is read outside config: {what}"))).collect()
}

fn safety(source: &Source) -> Vec<String> {
    let excused = |at: usize, word: &str| match source.path.as_str() {
        UNSAFE => true,
        EXPORTS => {
            word == "unsafe_code"
                || source.code[..at].ends_with("#[") && source.code[at..].starts_with("unsafe(no_mangle)]")
        }
        _ => false,
    };
    let words = source.words.iter().filter(|(_, word)| word == "unsafe" || word == "unsafe_code");
    let faults = words.filter(|(at, word)| !excused(*at, word));
    faults.map(|(at, _)| fault(source, *at, &format!("unsafe code outside {UNSAFE}"))).collect()
}

fn length(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let most = format!("{lines} lines: over {MOST_LINES}, look for two rooms");
    (lines > MOST_LINES && has_extension(&source.path, "rs")).then(|| fault(source, 0, &most)).into_iter().collect()
}

/// Whether a path is this one or below it.
fn is_within(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn fault(source: &Source, at: usize, cause: &str) -> String {
    format!("{}:{}: {cause}", source.path, source.line(at))
}
