//! What a container may ask for.
