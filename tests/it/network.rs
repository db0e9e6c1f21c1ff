//! The daemon on the network.

mod attacks;
mod health;
mod limits;
mod tls;
