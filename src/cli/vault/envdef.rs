//! The file of `vault export --envdef`: lines `NAME=sec_…`, empty lines and `#` comments.

use crate::domain::{EnvName, ObjectId};

/// A variable and the secret that it gets its value from.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) name: EnvName,
    pub(super) object: ObjectId,
}

/// A line that can't be used. Somebody will have put the value itself there, so the line is shown only where it names
/// a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) reason: String,
}

/// Reads all of it, or names the first mistake.
pub(super) fn parse(text: &str) -> Result<Vec<Definition>, Mistake> {
    let mut found = Vec::<(usize, Definition)>::new();
    for (line, content) in (1..).zip(text.lines()).map(|(line, content)| (line, content.trim())) {
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let definition = definition(content).map_err(|reason| Mistake { line, reason })?;
        if let Some((first, _)) = found.iter().find(|(_, earlier)| earlier.name == definition.name) {
            let reason = format!("variable {} was defined before, in line {first}: keep one", definition.name);
            return Err(Mistake { line, reason });
        }
        found.push((line, definition));
    }
    Ok(found.into_iter().map(|(_, definition)| definition).collect())
}

fn definition(content: &str) -> Result<Definition, String> {
    let (name, id) = content.split_once('=').unwrap_or_default();
    let object = id.trim().parse().map_err(|_| "this line names no secret: expected NAME=sec_…")?;
    let name = name.trim_end().parse::<EnvName>().map_err(|error| error.to_string())?;
    Ok(Definition { name, object })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_comments_and_spaces() {
        let read = parse("# all of them\n\nA=sec_a\n  B = sec_b \r\n").expect("parses");
        let pairs: Vec<_> = read.iter().map(|d| (d.name.as_str(), d.object.as_str())).collect();
        assert_eq!(pairs, [("A", "sec_a"), ("B", "sec_b")]);
    }

    #[test]
    fn mistakes_are_named_by_their_line_and_show_no_value() {
        for (text, line, part) in [
            ("A=sec_a\nA=sec_b\n", 2, "line 1"),
            ("A=sec_a\n\n1A=sec_b\n", 3, "variable name"),
            ("export A=sec_a", 1, "variable name"),
            ("hunter2", 1, "NAME=sec_"),
            ("A=", 1, "NAME=sec_"),
            ("A=hunter2", 1, "NAME=sec_"),
            ("hunter2==", 1, "NAME=sec_"),
            ("=sec_a", 1, "variable name"),
        ] {
            let Mistake { line: found, reason } = parse(text).expect_err(text);
            assert_eq!(found, line, "{text}");
            assert!(reason.contains(part) && !reason.contains("hunter2"), "{text}: {reason}");
        }
    }
}
