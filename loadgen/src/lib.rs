//! A Kafka-protocol load generator and benchmark harness that verifies every message it sends.
