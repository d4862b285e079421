"""Everything that can be called with four arguments."""

import functools

CALLS = []


def function(sg, logger, event, args):
    CALLS.append("function")


def five(kind, sg, logger, event, args):
    CALLS.append(kind)


class Handler:
    def method(self, sg, logger, event, args):
        CALLS.append("method")

    def __call__(self, sg, logger, event, args):
        CALLS.append("instance")


class Made:
    def __init__(self, sg, logger, event, args):
        CALLS.append("class")


HANDLER = Handler()


def registerCallbacks(reg):
    for callback in (
        function,
        lambda sg, logger, event, args: CALLS.append("lambda"),
        HANDLER.method,
        functools.partial(five, "partial"),
        HANDLER,
        Made,
        function,
    ):
        reg.registerCallback("script", "key", callback)
