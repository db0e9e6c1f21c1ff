//! Instances on a real engine: from a request to their end.

mod clients;
mod crowd;
mod dashboard;
mod desk;
mod devbox;
mod docker;
mod files;
pub(crate) mod host;
mod life;
mod ports;
mod power;
mod restart;
mod sessions;
mod steps;
mod token;

use crate::support::engine::IMAGE;
use host::{Driven, Host, Json, id, printing};
