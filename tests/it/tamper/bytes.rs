//! The bytes of a sealed value.

use rusqlite::{Connection, params};
use serde_json::json;

use super::{Scene, is_refused, tampered};

const VALUE: &str = "a value";

/// How a part of a sealed value is altered.
type Alteration = Box<dyn Fn(&mut Vec<u8>)>;

/// Every bit of the wrapped key and of the value is protected, and their lengths.
#[test]
fn no_altered_byte_opens() {
    let mut scene = Scene::new();
    let mut rpc = scene.rpc();
    let mut new = || rpc.create(&json!({ "value": VALUE, "revealable": true }));
    let untouched = new();
    // Format, KEK id, nonce, data key, tag; and format, commitment, nonce, value, tag.
    let parts = [("wrapped_dek", 1 + 16 + 12 + 32 + 16), ("ciphertext", 1 + 32 + 12 + VALUE.len() + 16)];
    let of_part = |part: (&'static str, usize)| alterations(part.1).map(move |alteration| (part, alteration));
    let cases: Vec<_> = parts.into_iter().flat_map(of_part).collect();
    let victims: Vec<String> = cases.iter().map(|_| new()).collect();
    let mut rpc = scene.edit(|database| {
        database.execute_batch("BEGIN").expect("begin");
        for (id, (part, alteration)) in victims.iter().zip(&cases) {
            alter(database, id, *part, alteration);
        }
        database.execute_batch("COMMIT").expect("commit");
    });
    for (place, id) in victims.iter().enumerate() {
        let what = format!("{}, alteration {place}", cases[place].0.0);
        is_refused(&what, rpc.resolve(id), id, VALUE);
        is_refused(&what, rpc.describe(id), id, VALUE);
        assert_eq!(tampered(&mut rpc, id).len(), 2, "{what}");
    }
    assert_eq!(rpc.resolve(&untouched).as_deref(), Ok(VALUE));
    assert_eq!(rpc.describe(&untouched).expect("described")["value"], VALUE);
    assert!(tampered(&mut rpc, &untouched).is_empty());
}

/// Each bit of this many bytes flipped, and other lengths.
fn alterations(length: usize) -> impl Iterator<Item = Alteration> {
    let flips = (0..length * 8).map(|bit| -> Alteration { Box::new(move |bytes| bytes[bit / 8] ^= 1 << (bit % 8)) });
    let lengths: [Alteration; 4] = [
        Box::new(Vec::clear),
        Box::new(|bytes| bytes.truncate(1)),
        Box::new(|bytes| bytes.truncate(bytes.len() - 1)),
        Box::new(|bytes| bytes.push(0)),
    ];
    flips.chain(lengths)
}

fn alter(database: &Connection, id: &str, (column, length): (&str, usize), alteration: &Alteration) {
    let query = format!("SELECT {column} FROM versions WHERE object_id = ?1");
    let mut bytes: Vec<u8> = database.query_row(&query, [id], |row| row.get(0)).expect("a sealed value");
    assert_eq!(bytes.len(), length, "{column}: not every byte of it is altered");
    alteration(&mut bytes);
    let statement = format!("UPDATE versions SET {column} = ?2 WHERE object_id = ?1");
    assert_eq!(database.execute(&statement, params![id, bytes]), Ok(1));
}
