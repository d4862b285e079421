"""The contract on the wire: events, headers, topics, control records and the checkpoint."""
