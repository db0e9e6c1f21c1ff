//! `ampoule devbox …`: one file for each.

#[cfg_attr(not(test), expect(dead_code, reason = "read by `devbox create`"))]
mod spec;
