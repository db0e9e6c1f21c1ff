//! A request for a page, read into its parts.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, ORIGIN};
use http::{Method, Uri};

use crate::domain::{Origin, RequestId};

/// A request whose body is read.
pub struct Visit {
    /// What is wanted.
    pub method: Method,
    /// Of which page.
    pub uri: Uri,
    /// What the browser says beside.
    pub headers: HeaderMap,
    /// What was filled in.
    pub body: Bytes,
    /// Where the connection comes from.
    pub from: Origin,
    /// Whether nobody can listen in: by TLS. Without it the listener is on a loopback address.
    pub secure: bool,
    /// The request's name in the log.
    pub request: RequestId,
}

/// Names and texts, as often as they were given. They may hold a value, and are not shown by `Debug`.
#[derive(Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Visit {
    /// The parts of the path behind `/ui/`.
    pub(super) fn segments(&self) -> Vec<&str> {
        let path = self.uri.path();
        path.strip_prefix("/ui").unwrap_or_default().split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// What stands behind the path.
    pub(super) fn query(&self) -> Fields {
        Fields::of_form(self.uri.query().unwrap_or_default().as_bytes())
    }

    /// A cookie of this name. Of two with one name none can be the right one: some page elsewhere has set the other.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        cookie(&self.headers, name)
    }

    /// Whether the script asks for it, by itself, and nobody may be there.
    pub(super) fn is_poll(&self) -> bool {
        self.headers.contains_key("x-ampoule-poll")
    }

    /// Whether htmx asks for it.
    pub(super) fn is_part(&self) -> bool {
        self.headers.contains_key("hx-request")
    }

    /// Whether a page of our own sent it. Browsers say so, and no page of another origin can make them say it wrongly.
    pub(super) fn is_from_us(&self) -> bool {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(site) = header("sec-fetch-site")
            && site != "same-origin"
        {
            return false;
        }
        // A page of ours has an origin and names it with each form: whoever names none is no such browser.
        let Some(origin) = header(ORIGIN.as_str()) else { return false };
        let host = self.uri.authority().map(http::uri::Authority::as_str).or_else(|| header(HOST.as_str()));
        let scheme = if self.secure { "https" } else { "http" };
        host.is_some_and(|host| origin == format!("{scheme}://{host}"))
    }

    /// What was filled in, if that can be read.
    pub(super) async fn form(&self) -> Option<Fields> {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Ok(boundary) = multer::parse_boundary(kind) {
            return Fields::of_parts(self.body.clone(), boundary).await;
        }
        kind.starts_with("application/x-www-form-urlencoded").then(|| Fields::of_form(&self.body))
    }
}

/// The same for who has the headers alone.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    let first = found.next();
    if found.next().is_some() { None } else { first }
}

impl Fields {
    fn of_form(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    async fn of_parts(body: Bytes, boundary: String) -> Option<Self> {
        let whole = futures_util::stream::once(std::future::ready(Ok::<_, Infallible>(body)));
        let mut parts = multer::Multipart::new(whole, boundary);
        let mut fields = Vec::new();
        while let Some(part) = parts.next_field().await.ok()? {
            let name = part.name().unwrap_or_default().to_owned();
            // A file that nobody chose is sent without a name.
            if part.file_name().is_some_and(str::is_empty) {
                continue;
            }
            let bytes = part.bytes().await.ok()?;
            fields.push((name, String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| "\0not UTF-8".to_owned())));
        }
        Some(Self(fields))
    }

    /// The text of this name; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str()).unwrap_or_default()
    }

    /// Every text of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, text)| text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_that_is_there_twice_is_none() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; b=2".parse().expect("a header"));
        assert_eq!((cookie(&headers, "a"), cookie(&headers, "b"), cookie(&headers, "c")), (Some("1"), Some("2"), None));
        headers.append(COOKIE, "a=3".parse().expect("a header"));
        assert_eq!(cookie(&headers, "a"), None);
    }

    #[test]
    fn parts_are_read_and_files_without_a_name_left_out() {
        let part = |name: &str, text: &str| format!("--x\r\nContent-Disposition: form-data; {name}\r\n\r\n{text}\r\n");
        let body = [
            part("name=\"value\"", "a=b&c\r\nd"),
            part("name=\"file\"; filename=\"\"", ""),
            part("name=\"file\"; filename=\"k\"", "key"),
            "--x--\r\n".to_owned(),
        ];
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let fields = runtime.block_on(Fields::of_parts(body.concat().into(), "x".to_owned())).expect("read");
        assert_eq!((fields.get("value"), fields.get("file"), fields.get("none")), ("a=b&c\r\nd", "key", ""));
    }
}
