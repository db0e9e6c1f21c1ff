//! Any text as a name: what is taken is written as it was read, and what is refused is shown in one short line.
#![no_main]

use std::error::Error;
use std::str::FromStr;

use ampoule::domain::VaultId;
use ampoule_proto::id::{EnvName, Label, ObjectId, Version};
use ampoule_proto::request::Reference;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    round_trip::<ObjectId>(text);
    round_trip::<Version>(text);
    round_trip::<EnvName>(text);
    round_trip::<Reference>(text);
    round_trip::<VaultId>(text);
    match text.parse::<Label>() {
        Ok(label) => assert_eq!(format!("{}={}", label.name(), label.value()), text),
        Err(error) => is_short(&error),
    }
});

fn round_trip<T: FromStr<Err: Error> + ToString>(text: &str) {
    match text.parse::<T>() {
        Ok(name) => assert_eq!(name.to_string(), text),
        Err(error) => is_short(&error),
    }
}

fn is_short(error: &impl Error) {
    let shown = error.to_string();
    assert!(shown.len() < 1024 && !shown.contains(char::is_control), "{shown:?}");
}
