"""The first callback fails, each in the ways that plugins have."""

import sys

ERRORS = {
    "Raise": lambda: 1 / 0,
    "Exit": lambda: sys.exit(3),
    "Interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt),
}
LATER = []


def registerCallbacks(reg):
    for name, stop in (("stops", True), ("goes_on", False)):
        reg.registerCallback(
            "script", "key", failing(name), {f"{name}_{kind}": None for kind in ERRORS}, None, stop
        )
    reg.registerCallback("script", "key", lambda sg, logger, event, args: LATER.append(event["event_type"]))


def failing(name):
    def callback(sg, logger, event, args):
        value = next(iter([3]))
        del value
        result = ERRORS[event["event_type"].rsplit("_", 1)[1]]()
        next(iter(result))

    callback.__name__ = name
    return callback
