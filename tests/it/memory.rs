//! What the daemon's memory holds after its answers. Root can read it, and so can whoever gets a dump or the swap.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use memchr::memmem;

use crate::support::process::wait_until;
use crate::support::search::Needle;
use crate::support::wire::messages::{reference, revealable};
use crate::support::wire::{Client, Served, on_every_protocol};

/// How often a text stands in a process's memory.
fn copies(pid: u32, text: &str) -> usize {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("mem");
    let readable = maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|flags| flags.starts_with('r')));
    readable
        .map(|line| {
            let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
            let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).expect("an address"));
            let mut bytes = vec![0; usize::try_from(end - start).expect("a size")];
            // Some of the kernel's own pages can't be read this way.
            let read = memory.read_at(&mut bytes, start).unwrap_or(0);
            memmem::find_iter(&bytes[..read], text.as_bytes()).count()
        })
        .sum()
}

fn no_value_stays_after_the_answers(served: &Served, client: &Client) {
    let (first, second, third) = (Needle::random(), Needle::random(), Needle::random());
    let made = client.create(&revealable(first.value())).expect("created").object_id;
    for _ in 0..100 {
        assert_eq!(&*client.describe(&made).expect("described").value, first.value());
    }
    let container = client.add(second.value());
    for _ in 0..100 {
        assert_eq!(&*client.resolve(vec![reference("A", &container)]).expect("resolved")[0].value, second.value());
    }
    client.update(&made, third.value(), "").expect("updated");
    let pid = served.daemon.pid();
    // What is searched for is found where it is.
    assert!(copies(std::process::id(), first.value()) > 0);
    for needle in [first, second, third] {
        wait_until("no copy is left", || copies(pid, needle.value()) == 0);
    }
}

on_every_protocol!(no_value_stays_after_the_answers);
