//! Ampoule: a self-hosted vault whose secrets reach containers only at the moment they are created.
//!
//! See `ARCHITECTURE.md` for the map.

pub mod api;
pub mod audit;
pub mod authz;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod dashboard;
pub mod domain;
pub mod engine;
pub mod instances;
pub mod seal;
pub mod store;
mod terminal;
pub mod vault;
