"""Reads the configuration through its loggers, and a file beside which it was started."""

SEEN = []


def registerCallbacks(reg):
    assert reg.getLogger() is reg.logger
    SEEN.append(reg.logger.config.get("shotgun", "server"))
    SEEN.append(reg.logger.config.getint("consumer", "max_uncommitted"))
    reg.registerCallback("script", "key", call)


def call(sg, logger, event, args):
    SEEN.append(logger.config.get("shotgun", "name"))
    SEEN.append(logger.config.has_option("shotgun", "port"))
    with open("beside.txt") as given:
        SEEN.append(given.read())
