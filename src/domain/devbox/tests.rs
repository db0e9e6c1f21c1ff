//! The parts of a specification; the whole is tested where files are read.

use super::*;
use crate::domain::submitted::schema::Schema;

#[test]
fn the_schema_has_the_fields_that_are_read() {
    let schema = Schema::open("devbox.json");
    let sorted = |fields: &[&str]| {
        let mut fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        fields.sort();
        fields
    };
    assert_eq!(schema.fields(""), sorted(read::SPEC.fields));
    assert_eq!(schema.fields("Repository"), sorted(read::REPOSITORY.fields));
}

#[test]
fn repositories_that_git_can_clone() {
    for (url, folder) in [
        ("https://github.com/example/app", "app"),
        ("https://github.com/example/app.git/", "app"),
        ("http://localhost:3000/app.git", "app"),
        ("ssh://git@example.com:2222/team/app.git", "app"),
        ("ssh://example.com/app", "app"),
        ("git@github.com:example/my.app.git", "my.app"),
        ("git@github.com:app", "app"),
    ] {
        assert_eq!(url.parse::<RepositoryUrl>().expect(url).folder(), folder);
    }
    for url in [
        "",
        "app",
        "/srv/app",
        "../app",
        "--upload-pack=x",
        "file:///etc/app",
        "ext::sh -c x",
        "ext::sh",
        "git@host::app",
        "git@host:-x/app",
        "-oProxyCommand=x@host:app",
        "git@-oProxyCommand=x:app",
        "ssh://-oProxyCommand=x/app",
        "ssh://-x@host/app",
        "https://host",
        "https:///app",
        "https://host/a b",
        "https://host/app?x=y",
    ] {
        assert_eq!(url.parse::<RepositoryUrl>(), Err(InvalidDevbox::Url), "{url:?}");
    }
    for url in [
        "https://hunter2@host/app",
        "https://user:hunter2@host/app",
        "ssh://user:hunter2@host/app",
        "user:hunter2@host:app",
    ] {
        assert_eq!(url.parse::<RepositoryUrl>(), Err(InvalidDevbox::UrlCredentials), "{url:?}");
    }
    for url in ["https://host/..", "https://host/.git", "git@host:a/-x", "https://host/a%2f..%2fb"] {
        assert_eq!(url.parse::<RepositoryUrl>(), Err(InvalidDevbox::UrlFolder), "{url:?}");
    }
}

#[test]
fn refs_that_git_could_have() {
    for text in ["main", "feature/x", "v1.2.3", "0123abc", "a@b", "user.name/x-1_2"] {
        assert!(text.parse::<GitRef>().is_ok(), "{text}");
    }
    for text in [
        "",
        "-x",
        "--upload-pack=x",
        "a b",
        "a..b",
        "a.lock",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "a~1",
        "a^",
        "a:b",
        "@",
        "@{u}",
        "a\n",
    ] {
        assert!(text.parse::<GitRef>().is_err(), "{text:?}");
    }
}

#[test]
fn sizes_in_either_case() {
    for (text, cpus, megabytes) in [("S", 4, 8192), ("m", 8, 16_384), ("L", 16, 32_768), ("xL", 32, 65_536)] {
        let size: Size = text.parse().expect(text);
        assert_eq!((size.virtual_cpu(), size.memory_megabytes()), (cpus, megabytes), "{text}");
    }
    for text in ["", "XXL", "medium", " M", "8x16"] {
        assert_eq!(text.parse::<Size>(), Err(InvalidDevbox::Size), "{text:?}");
    }
}

#[test]
fn names_that_a_host_could_have() {
    for text in ["a", "box-1", "0"] {
        assert!(text.parse::<DevboxName>().is_ok(), "{text}");
    }
    for text in ["", "-a", "a-", "A", "a_b", "a.b", "a b"] {
        assert!(text.parse::<DevboxName>().is_err(), "{text:?}");
    }
    assert!("a".repeat(64).parse::<DevboxName>().is_err());
}

#[test]
fn images_by_name_and_by_reference() {
    assert_eq!("default".parse(), Ok(DevboxImage::Default));
    assert_eq!("builtin:go".parse(), Ok(DevboxImage::Builtin("go".to_owned())));
    assert!(matches!("ubuntu:24.04".parse(), Ok(DevboxImage::Reference(_))));
    assert_eq!("builtin:".parse::<DevboxImage>(), Err(InvalidDevbox::Builtin));
    assert!("-x".parse::<DevboxImage>().is_err());
}
