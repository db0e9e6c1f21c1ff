//! Ampoule as its users meet it: the real daemon, command line, shim, runtimes and engines.

mod inheritance;
mod support;
mod transparency;
