"""19 of 27 public examples look for their credentials first and register nothing without them."""

import os


def registerCallbacks(reg):
    if "COMPAT_SCRIPT_KEY" not in os.environ:
        reg.logger.warning("no key: nothing is registered")
        return
    reg.registerCallback("script", os.environ["COMPAT_SCRIPT_KEY"], print)
