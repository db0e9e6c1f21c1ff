//! The real shim between a caller, a daemon that answers from a closure, and a runtime that is a shell script.

#![allow(missing_docs)]

mod daemon;
mod delivery;
mod refusals;
mod site;
mod transparency;
