//! The dashboard: what a person, and what an attacker, can do with a browser.

mod attacks;
mod browser;
mod grants;
mod pages;
mod sign_in;
pub(crate) mod support;
