//! The paths that Rust code names.

/// A word, `::` or one other character, and where it stands.
pub(super) type Token<'a> = (usize, &'a str);

pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = code[at..].chars().next() {
        let rest = &code[at..];
        let length = match first {
            c if is_word_char(c) => rest.find(|c| !is_word_char(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            c => c.len_utf8(),
        };
        if !first.is_whitespace() {
            tokens.push((at, &rest[..length]));
        }
        at += length;
    }
    tokens
}

/// Every path in a file's code, each of a `use` tree's too; `crate` before what is this crate's.
pub(super) fn paths(tokens: &[Token<'_>], file: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = read_path(tokens, at, "", &mut found);
    }
    let module = module(file);
    found.into_iter().map(|(at, path)| (at, absolute(&path, &module))).collect()
}

/// Reads one path, or what isn't one; returns where the next token is.
fn read_path(tokens: &[Token<'_>], at: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    let Some((place, token)) = tokens.get(at) else { return at + 1 };
    if *token == "{" && !prefix.is_empty() {
        return read_group(tokens, at + 1, prefix, found);
    }
    if !is_word(token) && *token != "*" {
        if !prefix.is_empty() {
            found.push((*place, prefix.to_owned()));
        }
        return at + 1;
    }
    let path = match (prefix, *token) {
        ("", token) => token.to_owned(),
        (prefix, "self") => prefix.to_owned(),
        (prefix, token) => format!("{prefix}::{token}"),
    };
    if tokens.get(at + 1).is_some_and(|(_, next)| *next == "::") {
        return read_path(tokens, at + 2, &path, found);
    }
    found.push((*place, path));
    at + 1
}

fn read_group(tokens: &[Token<'_>], mut at: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    loop {
        match tokens.get(at) {
            None | Some((_, "}")) => return at + 1,
            Some((_, ",")) => at += 1,
            // The name after it is this file's own.
            Some((_, "as")) => at += 2,
            Some(_) => at = read_path(tokens, at, prefix, found),
        }
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(is_word_char)
}

pub(super) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The module that a file is, from its crate's root.
fn module(path: &str) -> Vec<&str> {
    let below = path.split_once("src/").map_or(path, |(_, below)| below);
    let module = below.strip_suffix(".rs").unwrap_or(below);
    module.split('/').filter(|part| !["mod", "lib", "main"].contains(part)).collect()
}

/// A path of this crate from its root; every other path as it is.
fn absolute(path: &str, module: &[&str]) -> String {
    let mut parts: Vec<&str> = path.split("::").collect();
    let supers = parts.iter().take_while(|part| **part == "super").count();
    let base = match parts[0] {
        // A program of the package's names its library so.
        "ampoule" => &[],
        "self" => module,
        "super" => &module[..module.len().saturating_sub(supers)],
        _ => return path.to_owned(),
    };
    parts.drain(..supers.max(1));
    [&["crate"], base, &parts].concat().join("::")
}
