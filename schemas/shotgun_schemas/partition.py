"""Which partition an event goes to when the topic has several: computable by any Kafka client."""

from __future__ import annotations

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit hash of Kafka's Java client (`Utils.murmur2`), as an unsigned number."""
    length = len(data)
    h = (_SEED ^ length) & _MASK
    whole = length - length % 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little")
        k = (k * _M) & _MASK
        k ^= k >> 24
        k = (k * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    tail = data[whole:]
    if tail:
        h ^= int.from_bytes(tail, "little")
        h = (h * _M) & _MASK
    h ^= h >> 13
    h = (h * _M) & _MASK
    return h ^ (h >> 15)


def partition_for(subject: str, partitions: int) -> int:
    """The partition of the events about `subject` (`Type:id`), as the Java client's default partitioner has it
    for a record with that key."""
    if partitions == 1:
        return 0
    return (murmur2(subject.encode(errors="surrogatepass")) & 0x7FFFFFFF) % partitions
