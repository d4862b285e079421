"""Written for the first daemon: three arguments, and the fourth of registerCallback is args."""

SEEN = []


def registerCallbacks(reg):
    reg.registerCallback("script", "key", fails)
    reg.registerCallback("script", "key", call, {"Shotgun_Shot_New": None})


def fails(sg, event, args):
    raise LookupError("no shot")


def call(sg, event, args):
    SEEN.append((event["event_type"], args))
