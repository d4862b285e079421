"""What operators have ordered from any host, and what members do about it."""
