//! An answer, with the headers that each one has.

use askama::Template;
use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue,
    LOCATION, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Response, StatusCode};
use tokio::sync::mpsc;

use super::error::Fault;

/// What is sent.
pub enum Content {
    /// All of it.
    Whole(Bytes),
    /// Pieces as they come.
    Pieces(mpsc::Receiver<Bytes>),
}

/// An answer to a browser.
pub type Answer = Response<Content>;

/// Only what we serve ourselves, nothing within a page, and nowhere within another's page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// Puts the headers on that every answer has.
pub(super) fn sealed(mut answer: Answer) -> Answer {
    let headers = answer.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer` browsers leave the origin out of forms, by which we know our own.
        (REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ];
    for (name, text) in fixed {
        headers.insert(name, HeaderValue::from_static(text));
    }
    // Pages tell of secrets; none may be found later in a cache or by the back button.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// A page.
pub(super) fn page(template: &impl Template) -> Result<Answer, Fault> {
    page_with(StatusCode::OK, template)
}

/// A page that says that something did not work.
pub(super) fn page_with(status: StatusCode, template: &impl Template) -> Result<Answer, Fault> {
    let html = template.render().map_err(|error| Fault::Page(error.to_string()))?;
    Ok(whole(status, HTML, html.into()))
}

/// Bytes of this type.
pub(super) fn whole(status: StatusCode, media: &'static str, bytes: Bytes) -> Answer {
    let mut answer = Response::new(Content::Whole(bytes));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}

/// Pieces of this type, as a file to keep if it has a name.
pub(super) fn pieces(media: &'static str, file: Option<&'static str>, pieces: mpsc::Receiver<Bytes>) -> Answer {
    let mut answer = Response::new(Content::Pieces(pieces));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    if let Some(name) = file.and_then(|name| HeaderValue::try_from(format!("attachment; filename={name}")).ok()) {
        answer.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    answer
}

/// The way to another page of ours. A browser goes there by `GET`.
pub(super) fn go_to(path: &str) -> Answer {
    let mut answer = whole(StatusCode::SEE_OTHER, TEXT, Bytes::new());
    let place = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/ui/"));
    answer.headers_mut().insert(LOCATION, place);
    answer
}

/// The same for what htmx has asked for, which would put the page into the middle of the old one.
pub(super) fn leave_for(path: &str) -> Answer {
    let mut answer = whole(StatusCode::OK, TEXT, Bytes::new());
    let place = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/ui/"));
    answer.headers_mut().insert("hx-redirect", place);
    answer
}

/// That a page that asks for it stays as it is.
pub(super) fn nothing() -> Answer {
    let mut answer = Response::new(Content::Whole(Bytes::new()));
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

/// The same with a cookie.
pub(super) fn with_cookie(mut answer: Answer, cookie: &str) -> Answer {
    if let Ok(value) = HeaderValue::try_from(cookie) {
        answer.headers_mut().append(SET_COOKIE, value);
    }
    answer
}

/// The same with the methods that there are.
pub(super) fn allowing(mut answer: Answer, methods: &'static str) -> Answer {
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}
