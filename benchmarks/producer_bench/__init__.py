"""The parts of `benchmarks/producer.py`."""
