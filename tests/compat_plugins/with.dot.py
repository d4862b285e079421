"""A plugin's name may have a dot: its logger is a child logger then."""


def registerCallbacks(reg):
    reg.registerCallback("script", "key", call)


def call(sg, logger, event, args):
    logger.info("here")
