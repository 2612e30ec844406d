//! ApiVersions, versions 0 to 4.
//!
//! A version that is not known is answered with UNSUPPORTED_VERSION in the form of version 0, with the versions of
//! ApiVersions itself, so that the client can ask again (KIP-511).
//!
//! Deviations from Kafka: no features are listed, since none that clients look for (`transaction.version`,
//! `group.version`) is served.

use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::errors::KafkaError;
use crate::protocol::versions::{SERVED, Served};
use crate::protocol::{ApiKey, Request, RequestError};

/// Says which versions are served.
pub(super) fn handle(head: &Request) -> Result<ApiVersionsResponse, RequestError> {
    if !head.is_version_accepted() {
        let own = SERVED.iter().filter(|row| row.api == ApiKey::ApiVersions);
        return Ok(ApiVersionsResponse::default()
            .with_error_code(KafkaError::UnsupportedVersion.code())
            .with_api_keys(own.map(api_version).collect()));
    }
    let request: ApiVersionsRequest = head.decode()?;
    let named = is_software_name(&request.client_software_name) && is_software_name(&request.client_software_version);
    if head.version >= 3 && !named {
        return Ok(ApiVersionsResponse::default().with_error_code(KafkaError::InvalidRequest.code()));
    }
    Ok(ApiVersionsResponse::default().with_api_keys(SERVED.iter().map(api_version).collect()))
}

fn api_version(row: &Served) -> ApiVersion {
    ApiVersion::default().with_api_key(row.api as i16).with_min_version(row.advertised_min).with_max_version(row.max)
}

/// `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?` (Kafka's `ApiVersionsRequest`).
fn is_software_name(text: &str) -> bool {
    let ends_well = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    ends_well(bytes.first())
        && ends_well(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::is_software_name;

    #[test]
    fn a_clients_name_begins_and_ends_with_a_letter_or_digit() {
        for good in ["a", "apache-kafka-java", "4.3.1", "2.16.1-rc1"] {
            assert!(is_software_name(good), "{good}");
        }
        for bad in ["", "-a", "a.", "a b", "a_b", "ä"] {
            assert!(!is_software_name(bad), "{bad:?}");
        }
    }
}
