"""The tutorial's producer: a string key, a string value, and the partition that the key's first two digits name.

usage: producer.py HOST:PORT[,HOST:PORT ...] [TOPIC [COUNT]]
"""

import sys

from kafka import KafkaProducer

topic = sys.argv[2] if len(sys.argv) > 2 else "news_tag_label"
count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000

producer = KafkaProducer(
    bootstrap_servers=sys.argv[1],
    key_serializer=str.encode,
    value_serializer=str.encode,
)
for n in range(count):
    key = f"{n % 100:02d}-news"
    producer.send(topic, key=key, value=f"message {n}", partition=int(key[0:2]) % 6)
producer.flush()
