"""An upgrade from the last released chart is one: its values still do, and nothing that cannot change has changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from released import COMMAND, kept_of, released, released_cases
from rendering import rendered

NEW = f"(only when a chart is released and users have been told how to come over: {COMMAND})"


@pytest.mark.parametrize("file", released_cases(), ids=lambda file: file.name)
def test_values_and_identities_of_the_last_release_still_hold(file: Path) -> None:
    then = released()[file.name]

    now = kept_of(rendered("4", file))

    gone = sorted(set(then) - set(now))
    assert not gone, f"an upgrade would delete {', '.join(gone)} {NEW}"
    changed = {name: (then[name], now[name]) for name in then if then[name] != now[name]}
    assert not changed, f"an upgrade would be refused, or lose positions, by these changes {NEW}: {changed}"


def test_there_is_a_release_to_compare_with() -> None:
    assert {file.name for file in released_cases()} == set(released())
    assert "minimal-values.yaml" in released()
