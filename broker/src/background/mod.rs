//! (being built)

pub mod pool;
