"""Three callbacks that share their args, the module's globals and the event."""

STATE = {"count": 0}
TRAIL = []


def registerCallbacks(reg):
    for callback in (first, second, third):
        reg.registerCallback("script", "key", callback, None, STATE)


def first(sg, logger, event, args):
    args["count"] += 1
    event["mark"] = "first"
    TRAIL.append(("first", id(args), id(event)))


def second(sg, logger, event, args):
    args["count"] += 1
    assert event.pop("mark") == "first"
    event["meta"]["seen"] = True
    TRAIL.append(("second", id(args), id(event)))


def third(sg, logger, event, args):
    args["count"] += 1
    assert event["meta"]["seen"]
    TRAIL.append(("third", id(args), id(event)))
