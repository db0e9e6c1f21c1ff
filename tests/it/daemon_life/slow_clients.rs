//! Clients that connect and then send little or nothing.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{HANG, Home, connect};

/// The beginning of every HTTP/2 connection, and an empty SETTINGS frame.
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const HEAD: &[u8] = b"POST /namespace.cloud.vault.v1beta.VaultService/ListObjects HTTP/1.1\r\nhost: localhost\r\n\
    content-type: application/json\r\ncontent-length: 2\r\n\r\n";

/// A connection on which this much was sent.
fn send(home: &Home, sent: &[u8]) -> UnixStream {
    let mut stream = connect(&home.socket()).expect("connected");
    stream.write_all(sent).expect("sent");
    stream
}

/// Waits until the daemon has closed the connection.
#[track_caller]
fn wait_closed(mut stream: UnixStream) {
    let end = stream.read_to_end(&mut Vec::new()).map_err(|error| error.kind());
    // A reset is as good an end: something of what was sent had not been read.
    assert!(end.is_ok() || end == Err(ErrorKind::ConnectionReset), "the connection is still open: {end:?}");
}

/// A connection as gRPC clients keep it when all is answered. The thread ends when the daemon has closed it.
fn idle_http2(home: &Home) -> JoinHandle<()> {
    let (socket, (idle, is_idle)) = (home.socket(), mpsc::channel());
    let client = async move {
        let stream = TokioIo::new(tokio::net::UnixStream::connect(socket).await.expect("connected"));
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.expect("HTTP/2");
        let connection = tokio::spawn(connection);
        let request = Request::post("http://localhost/namespace.cloud.vault.v1beta.VaultService/ListObjects");
        let request = request.header("content-type", "application/proto").body(Empty::<Bytes>::new());
        let answer = sender.send_request(request.expect("request")).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        idle.send(()).expect("the test waits");
        tokio::time::timeout(HANG, connection).await.expect("the end").expect("task").expect("an orderly end");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let client = thread::spawn(move || runtime.block_on(client));
    is_idle.recv().expect("the client is idle");
    client
}

#[test]
fn idle_clients_do_not_delay_the_end() {
    let home = Home::new();
    let daemon = home.start();
    let mut answered = send(&home, &[HEAD, b"{}"].concat());
    answered.read_exact(&mut [0; 15]).expect("an answer");
    let open = [answered, send(&home, b""), send(&home, &HTTP2[..10])];
    let grpc = idle_http2(&home);
    let ran = daemon.stop();
    assert!(!ran.err().contains("still under way"), "{}", ran.err());
    assert!(!home.socket().exists());
    open.into_iter().for_each(wait_closed);
    grpc.join().expect("client");
}

#[test]
fn half_a_request_does_not_prevent_the_end() {
    let home = Home::new();
    let daemon = home.start();
    // The last of them says nothing when HTTP/2 asks whether it has understood that the end has come.
    let halves = [&HEAD[..40], HEAD, &[HEAD, b"{"].concat(), HTTP2];
    let open = halves.map(|sent| send(&home, sent));
    daemon.stop();
    assert!(!home.socket().exists());
    open.into_iter().for_each(wait_closed);
}

/// Who holds a connection without using it takes a place from others.
#[test]
fn a_connection_without_a_request_is_closed() {
    let home = Home::new();
    let daemon = home.start();
    let open = [&b""[..], &HTTP2[..10], HTTP2, &HEAD[..1], &HEAD[..40]].map(|sent| send(&home, sent));
    let id = home.client().add("alpha");
    open.into_iter().for_each(wait_closed);
    assert_eq!(home.client().list(vec![]).expect("listed")[0].object_id, id);
    daemon.stop();
}
