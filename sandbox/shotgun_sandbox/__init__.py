"""A Shotgun site, an Apache Kafka and a demo on this machine, to try things out and to test against."""
