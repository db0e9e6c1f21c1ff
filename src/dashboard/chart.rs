//! Pictures, drawn here as SVG. What is not a number is escaped.

use std::fmt::Write;

use askama::filters::{Html, escape};

use super::pulse::Minute;

/// That a container holds a secret.
pub(super) struct Thread {
    pub(super) from: String,
    /// What the secret is for; may be empty.
    pub(super) called: String,
    pub(super) to: String,
    pub(super) to_called: String,
    pub(super) is_stale: bool,
    pub(super) label: String,
}

/// The most secrets, and the most containers, in one picture.
const MOST: usize = 24;
const ROW: usize = 34;

/// How wide what is drawn is.
struct Layout {
    class: &'static str,
    whole: usize,
    node: usize,
    /// What a name has room for.
    letters: usize,
}

/// The stylesheet shows the one that has room.
const LAYOUTS: [Layout; 2] = [
    Layout { class: "wide", whole: 900, node: 330, letters: 39 },
    Layout { class: "narrow", whole: 340, node: 144, letters: 17 },
];

fn escaped(text: &str) -> String {
    escape(text, Html).map(|text| text.to_string()).unwrap_or_default()
}

/// Secrets on the left, containers on the right; and how many threads found no room.
pub(super) fn threads(threads: &[Thread]) -> (String, usize) {
    let (mut left, mut right): (Vec<Node<'_>>, Vec<Node<'_>>) = (Vec::new(), Vec::new());
    let mut drawn = Vec::new();
    for thread in threads {
        let from = place(&mut left, Node { name: &thread.from, called: &thread.called });
        let to = place(&mut right, Node { name: &thread.to, called: &thread.to_called });
        let (Some(from), Some(to)) = (from, to) else { continue };
        drawn.push((from, to, thread));
    }
    let svg = LAYOUTS.iter().map(|layout| draw(layout, &left, &right, &drawn)).collect();
    (svg, threads.len() - drawn.len())
}

fn draw(layout: &Layout, left: &[Node<'_>], right: &[Node<'_>], drawn: &[(usize, usize, &Thread)]) -> String {
    let Layout { class, whole, node, letters } = layout;
    let height = left.len().max(right.len()) * ROW + 8;
    let middle = |place: usize| place * ROW + ROW / 2 + 4;
    let mut svg = format!(
        "<svg class=\"chart threads {class}\" viewBox=\"0 0 {whole} {height}\" role=\"img\" aria-label=\"{} secrets and {} \
         containers that hold them; the table below says the same\">",
        left.len(),
        right.len()
    );
    let (start, end) = (*node, whole - node);
    let bend = (end - start) / 2;
    for (from, to, thread) in drawn {
        let (class, from, to) = (if thread.is_stale { "old" } else { "held" }, middle(*from), middle(*to));
        let (label, first, second) = (escaped(&thread.label), start + bend, end - bend);
        let _ = write!(
            svg,
            "<path class=\"{class}\" d=\"M{start} {from}C{first} {from} {second} {to} {end} {to}\"><title>{label}</title></path>"
        );
    }
    for (x, names) in [(1, left), (end, right)] {
        for (number, Node { name, called }) in names.iter().enumerate() {
            let (top, base) = (middle(number) - 13, middle(number) + 4);
            let (shown, name) = (shortened(if called.is_empty() { name } else { called }, *letters), escaped(name));
            let _ = write!(
                svg,
                "<rect class=\"node\" x=\"{x}\" y=\"{top}\" width=\"{}\" height=\"26\" rx=\"6\"></rect><text class=\"name\" \
                 x=\"{}\" y=\"{base}\">{}<title>{name}</title></text>",
                node - 1,
                x + 10,
                escaped(&shown)
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// A name without its middle, if it is longer than there is room: many differ at their ends.
fn shortened(name: &str, letters: usize) -> String {
    let all: Vec<char> = name.chars().collect();
    if all.len() <= letters {
        return name.to_owned();
    }
    let tail = (letters - 1) / 2;
    all[..letters - 1 - tail].iter().chain(&['…']).chain(&all[all.len() - tail..]).collect()
}

/// A secret or a container, and what people call it.
struct Node<'a> {
    name: &'a str,
    called: &'a str,
}

fn place<'a>(nodes: &mut Vec<Node<'a>>, node: Node<'a>) -> Option<usize> {
    if let Some(place) = nodes.iter().position(|there| there.name == node.name) {
        return Some(place);
    }
    (nodes.len() < MOST).then(|| {
        nodes.push(node);
        nodes.len() - 1
    })
}

/// Calls of each minute, those that failed above the others.
pub(super) fn rates(minutes: &[Minute]) -> String {
    let most = minutes.iter().map(|minute| minute.calls).max().unwrap_or(0).max(1);
    let mut svg = frame(&format!("Calls a minute over the last hour, at most {most}"), &format!("{most} a minute"));
    for (place, minute) in minutes.iter().enumerate() {
        let scaled = |calls: u32| u64::from(calls) * 96 / u64::from(most);
        let (x, all, bad) = (place * 10 + 1, scaled(minute.calls), scaled(minute.failed));
        let _ =
            write!(svg, "<rect class=\"bar-ok\" x=\"{x}\" y=\"{}\" width=\"8\" height=\"{all}\"></rect>", 116 - all);
        if bad > 0 {
            let _ = write!(
                svg,
                "<rect class=\"bar-bad\" x=\"{x}\" y=\"{}\" width=\"8\" height=\"{bad}\"></rect>",
                116 - all
            );
        }
    }
    svg.push_str("</svg>");
    svg
}

/// The mean and the longest time of a call in each minute that had any.
pub(super) fn latencies(minutes: &[Minute]) -> String {
    let most = minutes.iter().map(|minute| minute.slowest).max().unwrap_or_default().as_micros().max(1);
    let told = format!("{}.{:03} ms", most / 1000, most % 1000);
    let mut svg = frame(&format!("Time of a call over the last hour, at most {told}"), &told);
    for (class, slowest) in [("peak", true), ("line", false)] {
        let points = minutes.iter().enumerate().filter(|(_, minute)| minute.calls > 0).map(|(place, minute)| {
            let took = if slowest { minute.slowest } else { minute.took / minute.calls };
            (place * 10 + 5, 116 - took.as_micros() * 96 / most)
        });
        let points: Vec<String> = points.map(|(x, y)| format!("{x},{y}")).collect();
        if let [only] = points.as_slice() {
            let (x, y) = only.split_once(',').unwrap_or_default();
            let _ = write!(svg, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"3\"></circle>");
        }
        let _ = write!(svg, "<polyline class=\"{class}\" points=\"{}\"></polyline>", points.join(" "));
    }
    svg.push_str("</svg>");
    svg
}

fn frame(told: &str, top: &str) -> String {
    let (told, top) = (escaped(told), escaped(top));
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 600 134\" role=\"img\" aria-label=\"{told}\"><path class=\"axis\" \
         d=\"M0 116H600\"></path><text x=\"0\" y=\"12\">{top}</text><text x=\"0\" y=\"130\">an hour ago</text><text \
         x=\"600\" y=\"130\" text-anchor=\"end\">now</text>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped_and_what_has_no_room_is_counted() {
        let thread = |number: usize| Thread {
            from: format!("sec_{number}"),
            called: if number == 0 { "<script>".to_owned() } else { String::new() },
            to: "c".to_owned(),
            to_called: "<script>".to_owned(),
            is_stale: false,
            label: "\"&".to_owned(),
        };
        let all: Vec<Thread> = (0..MOST + 3).map(thread).collect();
        let (svg, left_out) = threads(&all);
        assert!(
            !svg.contains("<script>") && !svg.contains("\"&") && svg.contains("sec_0<") && svg.contains("sec_1<"),
            "{svg}"
        );
        assert_eq!((svg.matches("<svg").count(), left_out), (LAYOUTS.len(), 3));
    }

    #[test]
    fn a_long_name_keeps_its_ends() {
        assert_eq!(shortened("inst-1-web", 10), "inst-1-web");
        assert_eq!(shortened("inst-1k8jis8-web-1", 10), "inst-…eb-1");
        assert_eq!(shortened("äöüäöüäöüäöü", 5), "äö…öü");
    }
}
