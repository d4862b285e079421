"""What needs the module to be in sys.modules."""

from __future__ import annotations

import dataclasses
import pickle
import sys


@dataclasses.dataclass
class State:
    count: int = 0


def registerCallbacks(reg):
    assert sys.modules[__name__].State is State
    assert pickle.loads(pickle.dumps(State(3))) == State(3)
    assert pickle.loads(pickle.dumps(call)) is call
    assert __file__.endswith("modern_module.py")
    reg.registerCallback("script", "key", call)


def call(sg, logger, event, args):
    pass
