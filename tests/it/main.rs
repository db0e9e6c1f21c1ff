//! Ampoule as its users meet it: the real daemon, command line, shim, runtimes and engines.

mod audit;
mod canary;
mod cli_bad_input;
mod cli_export;
mod cli_output;
mod cli_prompts;
mod cli_transcripts;
mod cli_values;
mod crash_daemon;
mod crash_phases;
mod crash_shim;
mod daemon_away;
mod daemon_life;
mod inheritance;
mod injection;
mod race;
mod refusal;
mod run_request;
mod strace;
mod support;
mod tamper;
mod tidy;
mod transparency;
mod update_race;
mod vault_api;
mod wire;
