//! Kafka's wire protocol: what is served, how a request frame is taken apart, how a response frame is put together.
//!
//! Message structs come from the `kafka-protocol` crate. Its array decoders reserve memory for the length that a frame
//! *claims*, so no body reaches them before every length in it was held against the bytes that remain.
//!
//! A request frame, after its 4-byte length which [`crate::net`] has taken off:
//!
//! ```text
//! api key i16 | api version i16 | correlation id i32 | client id: i16 length (-1 is null), UTF-8
//! [ tagged fields, if the body is flexible (header v2) ] | body
//! ```
//!
//! A response frame: `length i32 | correlation id i32 | [tagged fields, if flexible (header v1)] | body`; the response to
//! ApiVersions always has header v0, since its reader does not know yet what we speak.
//!
//! This room knows no sockets, files, clock or state.

pub mod bounds;
pub mod fetch;
pub mod request;
pub mod response;
mod schema;
pub mod versions;

#[cfg(test)]
mod tests;

pub use kafka_protocol::messages::ApiKey;
pub use request::{Request, RequestError};
pub use response::{ResponseError, encode_response};
