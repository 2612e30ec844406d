"""The tutorial's consumer: reads the six partitions of topic news_tag for ever and prints each message.

usage: consumer.py HOST:PORT[,HOST:PORT ...]
"""

import sys

from kafka import KafkaConsumer
from kafka.structs import TopicPartition

consumer = KafkaConsumer(
    group_id="test",
    auto_offset_reset="earliest",
    enable_auto_commit=True,
    auto_commit_interval_ms=1000,
    max_poll_records=10,
    key_deserializer=bytes.decode,
    value_deserializer=bytes.decode,
    bootstrap_servers=sys.argv[1],
)
consumer.assign([TopicPartition(topic="news_tag", partition=n) for n in range(6)])

for message in consumer:
    print(message.offset, message.partition, message.key, message.value, flush=True)
