"""Publishing events from before the stream began, beside the live ones."""
