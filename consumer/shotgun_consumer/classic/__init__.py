"""The classic daemon's configuration and state, read in safety."""
