"""Two callbacks that look into the configuration of their connections; the first one writes it."""

SEEN = []


def registerCallbacks(reg):
    reg.registerCallback("one", "key-1", changes)
    reg.registerCallback("two", "key-2", looks)


def changes(sg, logger, event, args):
    SEEN.append((sg.config.script_name, sg.config.session_uuid))
    sg.config.script_name = "changed"


def looks(sg, logger, event, args):
    SEEN.append((sg.config.script_name, sg.config.api_key, sg.config.session_uuid))
