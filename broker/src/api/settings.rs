//! What the handlers need to know of the configuration, and where clients are told to connect.

use kafka_protocol::protocol::StrBytes;

use super::reply::Peer;

/// Settings of the handlers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// `advertised.listeners`; without it, each client is told the address that it connected to.
    pub advertised: Option<Endpoint>,
    /// `auto.create.topics.enable`
    pub auto_create_topics: bool,
    /// `delete.topic.enable`
    pub delete_topics: bool,
    /// `fetch.max.bytes`: most bytes of records in one Fetch response, whatever the client asks for.
    pub fetch_max_bytes: usize,
}

impl Default for ApiSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        ApiSettings { advertised: None, auto_create_topics: true, delete_topics: true, fetch_max_bytes: 55 << 20 }
    }
}

impl ApiSettings {
    /// Where `peer` is told that this broker is.
    pub(super) fn endpoint(&self, peer: &Peer) -> Endpoint {
        self.advertised.clone().unwrap_or_else(|| Endpoint {
            // A client that came by IPv4 to a dual-stack socket may not speak IPv6.
            host: StrBytes::from_string(peer.local.ip().to_canonical().to_string()),
            port: peer.local.port().into(),
        })
    }
}

/// Host name or address, and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Without brackets, also for IPv6.
    pub host: StrBytes,
    /// 1 to 65,535.
    pub port: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_the_address_that_it_connected_to() {
        let peer = Peer {
            remote: "[::ffff:192.0.2.7]:50000".parse().unwrap(),
            local: "[::ffff:192.0.2.1]:9092".parse().unwrap(),
        };
        let endpoint = ApiSettings::default().endpoint(&peer);
        assert_eq!((endpoint.host.as_str(), endpoint.port), ("192.0.2.1", 9092));
    }

    #[test]
    fn a_client_is_told_the_advertised_address_if_there_is_one() {
        let advertised = Endpoint { host: "broker.example".into(), port: 19092 };
        let settings = ApiSettings { advertised: Some(advertised.clone()), ..ApiSettings::default() };
        let address = "127.0.0.1:9092".parse().unwrap();
        assert_eq!(settings.endpoint(&Peer { remote: address, local: address }), advertised);
    }
}
