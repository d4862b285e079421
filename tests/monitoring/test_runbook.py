"""Whoever is woken up finds the alert in the runbook, and what it says can be typed."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

import click
import pytest
from monitoring_files import ROOT, RUNBOOK, alerts

from shotgun_consumer.cli import commands as consumer
from shotgun_producer.cli import commands as producer

TEXT = RUNBOOK.read_text("utf-8")
ENTRIES = dict(re.findall(r"^## (Shotgun\w+)\n(.*?)(?=^#{1,2} |\Z)", TEXT, re.MULTILINE | re.DOTALL))
TOOLS = {"shotgun-producer": producer, "shotgun-consumer": consumer}
of_each_entry = pytest.mark.parametrize("name", ENTRIES)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A command as the runbook quotes it."""

    text: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)


def quoted() -> list[Quoted]:
    """Every command of ours, in blocks and in lines."""
    fenced = re.findall(r"^```bash\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    lines = [line for block in fenced for line in block.splitlines()]
    inline = [" ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", TEXT)]
    return [Quoted(line) for line in (*lines, *inline) if re.match(r"shotgun-(producer|consumer) ", line)]


def test_every_alert_has_its_entry_and_every_entry_its_alert() -> None:
    assert list(ENTRIES) == [alert.name for alert in alerts()]


def test_links_lead_to_headings() -> None:
    anchors = {heading.lower() for heading in ENTRIES}
    assert set(re.findall(r"\]\(#(\w+)\)", TEXT)) <= anchors
    assert {alert.rule["annotations"]["runbook_url"] for alert in alerts()} == {
        f"{RUNBOOK.relative_to(ROOT)}#{anchor}" for anchor in anchors
    }


@of_each_entry
def test_an_entry_says_how_urgent_it_is_where_to_look_what_to_do_and_when_it_is_over(name: str) -> None:
    severity = next(alert.rule["labels"]["severity"] for alert in alerts() if alert.name == name)
    body = ENTRIES[name]
    assert body.lstrip().startswith(f"*{severity.capitalize()}.*")
    places = [body.find(part) for part in ("**Look**", "```bash", "**Do**", "**Over**")]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("command", quoted(), ids=lambda command: command.text)
def test_a_quoted_command_exists_with_its_options(command: Quoted) -> None:
    tool, *words = command.words
    found: click.Command = TOOLS[tool]
    while isinstance(found, click.Group):
        assert words, f"{command.text}: which of its commands?"
        word = words.pop(0)
        assert word in found.commands, f"{tool} has no command {word}"
        found = found.commands[word]
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known
    takes = [parameter for parameter in found.params if isinstance(parameter, click.Argument)]
    needed = [parameter for parameter in takes if parameter.required]
    with_values = {
        option
        for parameter in found.params
        if isinstance(parameter, click.Option) and not parameter.is_flag
        for option in parameter.opts
    }
    given = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if not word.startswith("--") and before not in with_values
    ]
    assert len(given) >= len(needed), f"{command.text}: something is missing"
    assert takes or not given, f"{command.text}: it takes no {given}"


def test_there_are_commands_of_both_services() -> None:
    assert len(quoted()) > 30
    assert {command.words[0] for command in quoted()} == set(TOOLS)


def test_what_changes_something_for_good_is_marked() -> None:
    """A person who has never seen the product must not lose or repeat events by trying."""
    for entry, body in ENTRIES.items():
        for line in re.split(r"\n(?=\d\. )|\n\n", body):
            is_dangerous = re.search(
                r"`shotgun-\w+ (?:skip|dead-letters drop|rewind|checkpoint (?:set|reset))[^`]*`", line
            )
            if is_dangerous:
                assert "**(decides)**" in line, f"{entry}: {is_dangerous[0]}"


def test_what_is_to_be_searched_for_in_logs_is_what_the_services_write() -> None:
    sources = [path for room in ("producer", "consumer") for path in (ROOT / room).rglob("*.py")]
    # A text of the log may be cut in two by the end of a line.
    written = re.sub(r'"\s*f?"', "", "\n".join(path.read_text("utf-8") for path in sources))
    searched = set(re.findall(r"grep '([^']+)'", TEXT))
    assert len(searched) >= 4
    assert {text for text in searched if text not in written} == set()
