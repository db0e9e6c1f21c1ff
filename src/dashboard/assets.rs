//! What pages are drawn with: built in, under addresses that change with the content, so that browsers may keep them.

use std::fmt::Write;
use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderValue};
use sha2::{Digest, Sha256};

use super::answer::{Answer, whole};
use super::error::Fault;

struct Asset {
    name: &'static str,
    media: &'static str,
    bytes: &'static [u8],
}

const ASSETS: [Asset; 5] = [
    Asset { name: "style.css", media: "text/css; charset=utf-8", bytes: include_bytes!("assets/style.css") },
    Asset { name: "htmx.js", media: "text/javascript; charset=utf-8", bytes: include_bytes!("assets/htmx.min.js") },
    Asset { name: "ampoule.js", media: "text/javascript; charset=utf-8", bytes: include_bytes!("assets/ampoule.js") },
    Asset { name: "icon.svg", media: "image/svg+xml", bytes: include_bytes!("assets/icon.svg") },
    Asset { name: "htmx.LICENSE", media: "text/plain; charset=utf-8", bytes: include_bytes!("assets/htmx.LICENSE") },
];

/// The name of all of them as they are.
static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in &ASSETS {
        hash.update(asset.bytes);
    }
    hash.finalize()[..8].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
});

/// The folder that they are in.
pub(super) fn folder() -> String {
    format!("/ui/assets/{}", *HASH)
}

/// One of the table: no name leads anywhere else.
pub(super) fn answer(hash: &str, name: &str) -> Result<Answer, Fault> {
    let asset = ASSETS.iter().find(|asset| asset.name == name && hash == *HASH).ok_or(Fault::NotFound)?;
    let mut answer = whole(StatusCode::OK, asset.media, Bytes::from_static(asset.bytes));
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    answer.headers_mut().insert(CACHE_CONTROL, for_ever);
    Ok(answer)
}
