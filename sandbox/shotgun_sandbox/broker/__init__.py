"""A local Apache Kafka: one KRaft node on loopback, fetched and started with what pip installs.

`Broker` is the whole interface; see its docstring for what a caller may rely on.
"""

from __future__ import annotations

from .node import Broker

__all__ = ["Broker"]
