"""The producer: reads the event log of one Shotgun site and publishes every event exactly once."""
