//! Something around the vault that somebody should see to.

/// What was found, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// What was looked at.
    pub about: &'static str,
    /// What is found.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// Whether secrets are at risk, or don't reach containers; else it is only to be known.
    pub is_grave: bool,
}
