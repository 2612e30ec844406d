//! The result of a load generator's run as plain, versioned records, and everything rendered from it.
