//! A request, taken apart as far as every API has it in common; the body stays a slice of the frame.

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiKey, RequestHeader};
use kafka_protocol::protocol::{Decodable, StrBytes};

use super::bounds::{self, BoundsError};
use super::{schema, versions};

/// A request whose header was understood. Its slices keep the whole frame in memory: whoever keeps something for longer
/// than the request lasts copies it.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is asked.
    pub api: ApiKey,
    /// As the client sent it: accepted for this API, or else the API is ApiVersions and the reply must be
    /// UNSUPPORTED_VERSION ([`Request::is_version_accepted`]).
    pub version: i16,
    /// Chosen by the client, repeated in the response.
    pub correlation_id: i32,
    /// The client's name for itself, not unique.
    pub client_id: Option<StrBytes>,
    body: Bytes,
}

/// Why a request cannot be served. Kafka closes the connection on each of these, and so do we.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The frame is too short to hold even the first three fields of a header.
    #[error("a frame of {got} bytes is too short for a request header")]
    Short {
        /// Length of the frame.
        got: usize,
    },
    /// No such API, or not served.
    #[error("unknown or unserved API key {got}")]
    UnknownApi {
        /// The key.
        got: i16,
    },
    /// The API is served, in other versions.
    #[error("{api:?} version {got} is not served ({min} to {max} are)")]
    UnsupportedVersion {
        /// The API.
        api: ApiKey,
        /// The version asked for.
        got: i16,
        /// Lowest version accepted.
        min: i16,
        /// Highest version accepted.
        max: i16,
    },
    /// A length in the body is not backed by bytes.
    #[error("the body of {api:?} version {version} holds {cause}")]
    OutOfBounds {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// Which bound.
        cause: BoundsError,
    },
    /// A field has a value that its type does not allow.
    #[error("{what} of {api:?} version {version} cannot be decoded: {cause}")]
    Malformed {
        /// Header or body.
        what: &'static str,
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// What the decoder says.
        cause: String,
    },
}

impl Request {
    /// Takes apart a frame (without its length).
    ///
    /// # Errors
    /// A frame that is too short, an API or version that is not served, a malformed header. An unknown version of
    /// ApiVersions is not an error here: the client is to be told which versions there are.
    pub fn parse(frame: Bytes) -> Result<Request, RequestError> {
        let mut head = &frame[..];
        let (Ok(key), Ok(version), Ok(correlation_id)) = (head.try_get_i16(), head.try_get_i16(), head.try_get_i32())
        else {
            return Err(RequestError::Short { got: frame.len() });
        };
        let row = versions::by_key(key).ok_or(RequestError::UnknownApi { got: key })?;
        let api = row.api;
        if !row.accepts(version) {
            if api == ApiKey::ApiVersions {
                // A header of a version to come cannot be read any further.
                return Ok(Request { api, version, correlation_id, client_id: None, body: Bytes::new() });
            }
            return Err(RequestError::UnsupportedVersion { api, got: version, min: row.min, max: row.max });
        }
        let mut body = frame;
        let header = RequestHeader::decode(&mut body, api.request_header_version(version))
            .map_err(|cause| RequestError::Malformed { what: "the header", api, version, cause: cause.to_string() })?;
        Ok(Request { api, version, correlation_id, client_id: header.client_id, body })
    }

    /// False only for ApiVersions in a version that we do not know. [`super::encode_response`] then writes version 0.
    pub fn is_version_accepted(&self) -> bool {
        versions::by_key(self.api as i16).is_some_and(|row| row.accepts(self.version))
    }

    /// Decodes the body as the `T` that belongs to [`Request::api`]. Byte fields (records) and strings stay slices of the frame.
    ///
    /// # Errors
    /// A length that exceeds the bytes that remain, a value its type does not allow.
    pub fn decode<T: Decodable>(&self) -> Result<T, RequestError> {
        let (api, version) = (self.api, self.version);
        let shape = schema::of(api).ok_or(RequestError::UnknownApi { got: api as i16 })?;
        bounds::check(shape, version, &self.body).map_err(|cause| RequestError::OutOfBounds { api, version, cause })?;
        let mut body = self.body.clone();
        let malformed = |cause: String| RequestError::Malformed { what: "the body", api, version, cause };
        T::decode(&mut body, version).map_err(|cause| malformed(cause.to_string()))
    }
}
