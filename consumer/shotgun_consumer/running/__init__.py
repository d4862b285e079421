"""One event through the callbacks of a plugin, in threads or in an event loop, and what follows when one fails."""
