"""A helper whose name does not give it away."""

WORD = "hello"
