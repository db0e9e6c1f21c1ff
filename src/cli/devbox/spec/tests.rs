//! The specifications of `fixtures/devbox/`.

use std::fs;
use std::path::Path;

use super::*;
use crate::domain::Source;
use crate::domain::devbox::{DevboxImage, Naming, Size};
use crate::domain::submitted::schema::{self, Schema};
use crate::domain::submitted::tests as golden;

#[test]
fn malformed_specifications_are_refused_with_every_mistake() {
    let differences = golden::files("devbox/malformed").into_iter().filter_map(|file| {
        let format = Format::of(&file).expect("a known extension");
        let text = fs::read_to_string(&file).expect("text");
        let mistakes = parse(&text, format).err().unwrap_or_else(|| panic!("{} is accepted", file.display()));
        let said = mistakes.in_file(&golden::name(&file));
        assert!(!said.contains("hunter2"), "{}: {said}", file.display());
        golden::difference(&file, &said)
    });
    let differences: Vec<_> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn good_specifications_are_read() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/devbox/good").join(name);
        let read = super::read(&path, None);
        let (spec, warnings) = read.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(warnings.is_empty(), "{name}: {warnings:?}");
        spec
    };
    for file in golden::files("devbox/good") {
        read(&golden::name(&file));
    }
    let everything = read("everything.yaml");
    assert_eq!(read("everything.json"), everything);
    assert_eq!(read("everything.toml"), everything);
    assert!(matches!(&everything.name, Naming::Prefix(prefix) if prefix.as_str() == "box"));
    let repository = everything.repository.expect("a repository");
    assert_eq!((repository.url.folder(), repository.reference.expect("a ref").as_str()), ("app", "feature/x"));
    assert!(read("nulls.yaml").env.is_empty());
}

/// Wherever a text breaks off or is mistyped, nothing panics and no value is repeated, whatever the parsers say.
#[test]
fn broken_specifications_are_refused_without_their_values() {
    for file in [golden::files("devbox/malformed"), golden::files("devbox/good")].concat() {
        for text in golden::broken(&fs::read_to_string(&file).expect("text")) {
            for format in [Format::Yaml, Format::Json, Format::Toml] {
                let said = parse(&text, format).map_or_else(|mistakes| mistakes.to_string(), |_| String::new());
                assert!(!said.contains("hunter2"), "{}: {said}\n{text}", file.display());
            }
        }
    }
}

/// What no schema can say, or what is no JSON to begin with.
const BEYOND: [&str; 1] = ["duplicate-keys.yaml"];

#[test]
fn the_schema_and_the_reader_agree() {
    let schema = Schema::open("devbox.json");
    let accepted = |file: &Path| {
        let text = fs::read_to_string(file).expect("text");
        tree(&text, Format::of(file).expect("a known extension")).map(|node| schema.accepts(&schema::value(&node)))
    };
    for file in golden::files("devbox/good") {
        assert_eq!(accepted(&file), Ok(true), "{}", file.display());
    }
    for file in golden::files("devbox/malformed") {
        let name = golden::name(&file);
        // What can't be read at all is nobody's to judge.
        if let Ok(accepted) = accepted(&file) {
            assert_eq!(accepted, BEYOND.contains(&name.as_str()), "{name}");
        }
    }
}

#[test]
fn the_seed_example() {
    let text = "name: box\nimage: default\nsize: M\nenv:\n  - name: GITHUB_TOKEN\n    from_secret_id: sec_abc\n";
    let (spec, _) = parse(text, Format::Yaml).expect("a good specification");
    assert!(matches!(&spec.name, Naming::Name(name) if name.as_str() == "box"));
    assert_eq!((spec.image, spec.size), (DevboxImage::Default, Size::M));
    let [variable] = &spec.env[..] else { panic!("one variable") };
    assert_eq!(variable.name.as_str(), "GITHUB_TOKEN");
    assert_eq!(variable.source, Source::Secret("sec_abc".parse().expect("an id")));
}

#[test]
fn what_is_read_as_what() {
    for (path, format) in [
        ("-", Some(Format::Yaml)),
        ("a.yaml", Some(Format::Yaml)),
        ("a.YML", Some(Format::Yaml)),
        ("a.b.json", Some(Format::Json)),
        ("a.toml", Some(Format::Toml)),
        ("a", None),
        ("a.txt", None),
    ] {
        assert_eq!(Format::of(Path::new(path)), format, "{path}");
    }
    let refused = super::read(Path::new("devbox"), None).expect_err("no extension").to_string();
    assert!(refused.contains("--from_format"), "{refused}");
}
