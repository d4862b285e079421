"""The checks themselves: each deliberate mistake is found by the check that is there for it."""

from __future__ import annotations

import contextlib

import pytest
from checks import CHECKS
from manifests import Object
from mistakes import MISTAKES, Mistake, NothingToChangeError
from rendering import CASES, case, kept_template, rendered

FIRST = "everything-values.yaml"


def _objects_for(mistake: Mistake) -> tuple[list[Object], list[Object]]:
    """The objects of the first case in which the mistake can be made: without it, and with it."""
    for name in sorted(CASES, key=lambda name: name != FIRST):
        if kept_template("4", case(name)).code != 0:
            continue  # told by the tests of rendering
        objects = rendered("4", case(name))
        with contextlib.suppress(NothingToChangeError):
            return objects, mistake.made_in(objects)
    pytest.fail(
        f"no case of the chart has what the mistake '{mistake.name}' is made in; add one to its ci folder"
    )


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name.replace(" ", "-"))
def test_a_mistake_is_found(mistake: Mistake) -> None:
    right, wrong = _objects_for(mistake)
    check = CHECKS[mistake.check]

    assert list(check(right)) == []
    assert list(check(wrong)) != []


def test_every_check_is_shown_to_find_something() -> None:
    assert {mistake.check for mistake in MISTAKES} == set(CHECKS)
