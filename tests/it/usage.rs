//! Which containers hold which secrets: as the inventory says, and as it is.

mod ends;
mod fleet;
mod report;
