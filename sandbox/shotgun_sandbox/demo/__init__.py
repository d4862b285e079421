"""The whole product on one machine: a site, a Kafka, the producer, two teams' consumers."""
