"""So many plain consumers in one process, each polled by a thread of its own: what idle plugins are compared with.

Run: python -m consumer_bench.raw_idle SERVERS TOPIC COUNT SECONDS; prints the CPU of a core that it took, in percent.
"""

from __future__ import annotations

import sys
import threading
import time
import uuid

from confluent_kafka import Consumer

SETTLED_SECONDS = 15.0


def poll(consumer: Consumer, stop: threading.Event) -> None:
    while not stop.is_set():
        consumer.poll(1.0)
    consumer.close()


def main(servers: str, topic: str, count: int, seconds: float) -> None:
    common = {
        "bootstrap.servers": servers,
        "enable.auto.commit": False,
        "auto.offset.reset": "latest",
        "fetch.wait.max.ms": 5_000,
        "session.timeout.ms": 10_000,
        "heartbeat.interval.ms": 3_000,
    }
    consumers = [Consumer({**common, "group.id": f"raw-{uuid.uuid4()}"}) for _ in range(count)]
    stop = threading.Event()
    threads = [threading.Thread(target=poll, args=(consumer, stop)) for consumer in consumers]
    for consumer, thread in zip(consumers, threads, strict=True):
        consumer.subscribe([topic])
        thread.start()
    time.sleep(SETTLED_SECONDS)
    used, started = time.process_time(), time.monotonic()
    time.sleep(seconds)
    used, took = time.process_time() - used, time.monotonic() - started
    stop.set()
    for thread in threads:
        thread.join()
    print(round(used / took * 100, 2))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
