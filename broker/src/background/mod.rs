//! What happens off the threads that serve: blocking work in a bounded place ([`pool`]), work that recurs
//! ([`periodic`]), removal of files ([`unlink`]).
//!
//! Leaves: they know nothing of what they run.

pub mod periodic;
pub mod pool;
pub mod unlink;
