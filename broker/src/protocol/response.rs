//! Whole response frames from the crate's message structs.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, ResponseHeader};
use kafka_protocol::protocol::Encodable;

use super::request::Request;

/// Why a response cannot be put on the wire; a mistake of ours, never the client's.
#[derive(Debug, thiserror::Error)]
pub enum ResponseError {
    /// A field that this version cannot carry, or a string longer than its type allows.
    #[error("the response to {api:?} version {version} cannot be encoded: {cause}")]
    Unencodable {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// What the encoder says.
        cause: String,
    },
    /// A frame's length is an `i32`.
    #[error("the response to {api:?} version {version} is {got} bytes long, more than a frame holds")]
    TooLong {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// Length of the frame.
        got: usize,
    },
}

/// The version of the response's body: the request's, but 0 for an ApiVersions request of a version we do not know.
fn response_version(request: &Request) -> i16 {
    if request.is_version_accepted() { request.version } else { 0 }
}

/// Encodes a whole frame: length, response header, body.
///
/// # Errors
/// A response that the request's version cannot carry.
pub fn encode_response<T: Encodable>(request: &Request, response: &T) -> Result<Bytes, ResponseError> {
    let (api, version) = (request.api, response_version(request));
    let unencodable =
        |cause: &dyn std::fmt::Display| ResponseError::Unencodable { api, version, cause: cause.to_string() };
    let header_version = api.response_header_version(version);
    let header = ResponseHeader::default().with_correlation_id(request.correlation_id);
    let size = header.compute_size(header_version).map_err(|cause| unencodable(&cause))?
        + response.compute_size(version).map_err(|cause| unencodable(&cause))?;
    let length = i32::try_from(size).map_err(|_| ResponseError::TooLong { api, version, got: size })?;
    let mut frame = BytesMut::with_capacity(4 + size);
    frame.put_i32(length);
    header.encode(&mut frame, header_version).map_err(|cause| unencodable(&cause))?;
    response.encode(&mut frame, version).map_err(|cause| unencodable(&cause))?;
    debug_assert_eq!(frame.len(), 4 + size, "{api:?} version {version}");
    Ok(frame.freeze())
}
