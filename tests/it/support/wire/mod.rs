//! A client of the daemon's socket, in each protocol that the daemon speaks.

mod client;
mod grpc;
mod http;
pub(crate) mod messages;
mod methods;
mod served;

pub(crate) use client::{Client, Failure, Protocol, refused};
pub(crate) use http::{Answer, post};
pub(crate) use methods::methods;
pub(crate) use served::Served;

/// Makes one `#[test]` for each of these functions in each protocol. They take a `&Served`.
macro_rules! on_every_protocol {
    ($($case:ident),+ $(,)?) => {
        $crate::support::wire::on_protocol!(connect_json, ConnectJson, $($case),+);
        $crate::support::wire::on_protocol!(connect_proto, ConnectProto, $($case),+);
        $crate::support::wire::on_protocol!(grpc, Grpc, $($case),+);
        $crate::support::wire::on_protocol!(grpc_web, GrpcWeb, $($case),+);
    };
}

macro_rules! on_protocol {
    ($module:ident, $protocol:ident, $($case:ident),+) => {
        mod $module {
            $(#[test]
            fn $case() {
                let served = $crate::support::wire::Served::start();
                super::$case(&served, &served.client($crate::support::wire::Protocol::$protocol));
            })+
        }
    };
}

pub(crate) use {on_every_protocol, on_protocol};
