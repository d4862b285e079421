"""Keeps every event."""

SEEN = []


def registerCallbacks(reg):
    reg.registerCallback("script", "key", lambda sg, logger, event, args: SEEN.append(event))
