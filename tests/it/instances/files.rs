//! Files into containers and out of them.
