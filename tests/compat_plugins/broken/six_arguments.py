def call(sg, logger, event, args, more, evenmore):
    pass


def registerCallbacks(reg):
    reg.registerCallback("script", "key", call)
