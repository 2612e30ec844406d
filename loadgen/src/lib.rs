//! A Kafka-protocol load generator and benchmark harness that verifies every message it sends.
//!
//! One message's way: [`workload`] gives its intended time, key, partition, payload and stamp; a producer worker
//! waits until then and submits it; [`measure`] notes the latencies and [`verify`]'s ledger the acknowledgement; a
//! consumer worker reads it back and the checker holds its stamp against what was sent; the verdict says what the
//! settings promised and what happened. [`message`] and [`clock`] are leaves.

pub mod cli;
pub mod clock;
pub mod command;
pub mod driver;
pub mod exit;
pub mod measure;
pub mod message;
pub mod plan;
pub mod run;
pub mod target;
pub mod verify;
pub mod workload;
