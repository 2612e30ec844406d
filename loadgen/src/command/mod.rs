//! The commands; each reads as its own table of contents.

mod interruption;
mod manifest;
pub mod run;
