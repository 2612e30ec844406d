//! Kafka's own key and value formats of `__consumer_offsets`.
