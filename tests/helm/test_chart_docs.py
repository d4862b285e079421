"""The values that the documentation shows are right: each key of them exists, and the first example installs."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from rendering import with_values
from schema_checks import CHART

from shotgun_chart.schema import values_schema
from shotgun_runtime.settings_layers import merge

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^([ ]*)```yaml\n(.*?)^[ ]*```", re.DOTALL | re.MULTILINE)
SCHEMA = values_schema()


def _blocks(text: str) -> list[Any]:
    found = [yaml.safe_load(textwrap.dedent(block)) for _, block in _BLOCK.findall(text)]
    return [block for block in found if isinstance(block, dict) and "apiVersion" not in block]


EXAMPLES = _blocks((DOCS / "deploy.md").read_text("utf-8"))


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_names_what_is_there(number: int) -> None:
    # Laid over the chart's own values, as helm does it.
    values = merge(yaml.safe_load((CHART / "values.yaml").read_text("utf-8")), EXAMPLES[number])

    problems = [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message}"
        for error in Draft7Validator(SCHEMA).iter_errors(values)
    ]

    assert problems == []


def test_the_example_of_a_configuration_may_stand_in_values() -> None:
    (configuration, *_) = _blocks((DOCS / "configuration.md").read_text("utf-8"))
    schema = {**SCHEMA["definitions"]["ConfigLaidOver"], "definitions": SCHEMA["definitions"]}

    assert [error.message for error in Draft7Validator(schema).iter_errors(configuration)] == []


@pytest.mark.parametrize("major", ["3", "4"])
def test_the_first_example_is_all_that_an_installation_needs(major: str) -> None:
    said = with_values(major, EXAMPLES[0])

    assert said.code == 0, said.err
    assert said.out.count("kind: Deployment") == 2
