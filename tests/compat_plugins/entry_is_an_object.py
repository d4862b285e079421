"""The entry point may be anything that can be called."""

from _studio_tools import call
from studio_lib import WORD

SEEN = []


class Entry:
    def __call__(self, reg):
        assert WORD == "hello"
        reg.registerCallback("script", "key", call, None, SEEN)


registerCallbacks = Entry()
