//! Requests as a browser sends them, by hand.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::network::Network;

pub(crate) const ALL: [&str; 4] = ["vault/object:*:*", "iam/token:*:*", "audit/log:*:*", "compute/instance:*:*"];

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A browser with the cookies that it was given.
pub(crate) struct Browser {
    address: SocketAddr,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Answer {
    /// Every line of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, text)| text).collect()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers(name).first().copied().unwrap_or_default()
    }

    /// What a field of the page is filled with.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        let from = self.body.split_once(&format!("name=\"{name}\" value=\"")).expect(name).1;
        from.split_once('"').expect("an end").0.to_owned()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}\n{}", self.head, self.body);
        self
    }
}

/// An answer that goes on.
pub(crate) struct Tail {
    pub(crate) head: String,
    reader: BufReader<TcpStream>,
}

impl Tail {
    /// Reads up to a line that begins so.
    pub(crate) fn line_with(&mut self, beginning: &str) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.reader.read_line(&mut line).expect("a line"), 0, "no line begins with {beginning}");
            if line.starts_with(beginning) {
                return line.trim_end().to_owned();
            }
        }
    }
}

/// A daemon with a dashboard.
pub(crate) fn network() -> Network {
    Network::start("dashboard: true")
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    /// One that is signed in with a new token of these grants.
    #[track_caller]
    pub(crate) fn signed_in(network: &Network, name: &str, grants: &[&str]) -> Self {
        let mut browser = Self::new(network.http);
        let answer = browser.sign_in(&network.token(name, grants));
        assert_eq!((answer.status, answer.header("location")), (303, "/ui/"), "{}", answer.body);
        browser
    }

    pub(crate) fn sign_in(&mut self, token: &str) -> Answer {
        self.post("/ui/sign-in", &[("token", token)])
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// Sends a form as the dashboard's own page would.
    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let origin = self.origin();
        self.post_with(path, fields, &[("Origin", &origin), ("Sec-Fetch-Site", "same-origin")])
    }

    /// The same with other headers.
    pub(crate) fn post_with(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        self.send("POST", path, &[headers, &[form]].concat(), &body)
    }

    /// Fills in the session's token, as a form of its pages has it.
    #[track_caller]
    pub(crate) fn act(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.get("/ui/session").ok().field("csrf");
        self.post(path, &[fields, &[("csrf", &csrf)]].concat())
    }

    /// Stores a secret by the form; its id.
    #[track_caller]
    pub(crate) fn create(&mut self, fields: &[(&str, &str)]) -> String {
        let made = self.act("/ui/secrets/new", fields);
        let place = made.header("location");
        let id = place.strip_prefix("/ui/secrets/").and_then(|rest| rest.split('?').next());
        id.unwrap_or_else(|| panic!("{}\n{}", made.head, made.body)).to_owned()
    }

    /// Asks for what comes bit by bit.
    pub(crate) fn open(&mut self, path: &str) -> Tail {
        let stream = self.request("GET", path, &[], "");
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).expect("a head"), 0, "{head}");
        }
        Tail { head, reader }
    }

    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            head.extend(["Cookie: ", &pairs.join("; "), "\r\n"]);
        }
        for (name, value) in headers {
            head.extend([*name, ": ", *value, "\r\n"]);
        }
        let mut stream = TcpStream::connect(self.address).expect("connected");
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).expect("sent");
        stream
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.request(method, path, headers, body);
        let mut text = Vec::new();
        stream.read_to_end(&mut text).expect("an answer");
        let text = String::from_utf8(text).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let answer = Answer { status, head: head.to_owned(), body: body.to_owned() };
        for cookie in answer.headers("set-cookie") {
            let (name, rest) = cookie.split_once('=').expect("a cookie");
            let value = rest.split(';').next().unwrap_or_default();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}
