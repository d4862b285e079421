"""Every way in which public plugins call reg.registerCallback."""

CALLS = []
ARGS = {"the": "args"}
FILTER = {"Shotgun_Task_Change": ["sg_status_list"]}


def note(name):
    def callback(sg, logger, event, args):
        CALLS.append((name, args))
        return "whatever is returned means nothing"

    callback.__name__ = name
    return callback


def registerCallbacks(reg):
    reg.registerCallback("script", "key", note("three"))
    reg.registerCallback("script", "key", note("four"), FILTER)
    reg.registerCallback("script", "key", note("five"), FILTER, ARGS)
    reg.registerCallback("script", "key", note("six"), FILTER, ARGS, False)
    reg.registerCallback("script", "key", note("args_by_name"), args=ARGS)
    reg.registerCallback("script", "key", note("stop_by_name"), FILTER, stopOnError=False)
    reg.registerCallback(
        sgScriptName="script",
        sgScriptKey="key",
        callback=note("all_by_name"),
        matchEvents=FILTER,
        args=ARGS,
        stopOnError=True,
    )
    return "whatever is returned means nothing"
