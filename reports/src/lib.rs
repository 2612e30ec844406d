//! The result of a load generator's run as plain, versioned records, and everything rendered from it.
//!
//! | room | holds |
//! |---|---|
//! | [`schema`] | `result.json`: [`RunResult`] and its records; reading and writing; the compatibility promise |

pub mod schema;

pub use schema::{ReadError, RunResult, WriteError};
