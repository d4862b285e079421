"""The studio as it is when the site starts: projects, people, sequences, shots, assets, tasks, versions."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from shotgun_sandbox.site.clock import iso
from shotgun_sandbox.site.entities import Entities, Record

PROJECTS = ("Harbour Lights", "The Paper Fox", "Night Ferry")
PEOPLE = (
    ("Ines", "Moreau"),
    ("Tomasz", "Wilk"),
    ("Aiko", "Hayashi"),
    ("Femi", "Adeyemi"),
    ("Lucía", "Ortega"),
    ("Jonas", "Brandt"),
    ("Priya", "Raman"),
    ("Ewa", "Lis"),
    ("Noah", "Becker"),
    ("Mina", "Kang"),
    ("Oskar", "Lind"),
    ("Clara", "Fontaine"),
)
STEPS = (
    ("Layout", "LAY"),
    ("Animation", "ANM"),
    ("Lighting", "LGT"),
    ("Comp", "CMP"),
    ("Model", "MOD"),
    ("Rig", "RIG"),
)
SHOT_TASKS = ("Layout", "Animation", "Lighting", "Comp")
ASSET_TASKS = ("Model", "Rig")
STATUSES = ("wtg", "rdy", "ip", "rev", "apr", "fin", "hld")
SEQUENCES_PER_PROJECT = 4
SHOTS_PER_SEQUENCE = 8
ASSETS_PER_PROJECT = 14


def link(record: Record) -> dict[str, Any]:
    """Return the stored form of a link to ``record``."""
    return {"type": record.type, "id": record.id}


def furnish(entities: Entities, random: Random, now: float) -> None:
    """Fill an empty site with a studio. The same seed gives the same studio."""
    born = iso(now - 400 * 86400)
    people = [_person(entities, first, last, born) for first, last in PEOPLE]
    entities.add("TaskTemplate", {"code": "Shot: two tasks", "entity_type": "Shot"}, first_id=12)
    steps = {name: entities.add("Step", {"code": name, "short_name": short}) for name, short in STEPS}
    for title in PROJECTS:
        values = {"name": title, "sg_status": "Active", "archived": False, "created_at": born}
        project = entities.add("Project", values, first_id=70)
        for name in ("All Versions", "My Tasks", "Dailies"):
            page = {"name": name, "page_type": "versions", "project": link(project), "created_at": born}
            entities.add("Page", page, first_id=1300)
        _ProjectFiller(entities, random, project, people, steps, born).fill()


def _person(entities: Entities, first: str, last: str, born: str) -> Record:
    login = f"{first}.{last}".lower().replace("í", "i")
    values = {
        "name": f"{first} {last}",
        "firstname": first,
        "lastname": last,
        "login": login,
        "email": f"{login}@studio.example",
        "sg_status_list": "act",
        "created_at": born,
    }
    return entities.add("HumanUser", values, first_id=240)


class _ProjectFiller:
    """Fills one project."""

    def __init__(
        self,
        entities: Entities,
        random: Random,
        project: Record,
        people: list[Record],
        steps: dict[str, Record],
        born: str,
    ) -> None:
        self._entities = entities
        self._random = random
        self._project = project
        self._people = people
        self._steps = steps
        self._born = born

    def fill(self) -> None:
        for number in range(1, SEQUENCES_PER_PROJECT + 1):
            sequence = self._add("Sequence", {"code": f"seq{number:03}"}, 20)
            shots = [self._shot(sequence, place) for place in range(1, SHOTS_PER_SEQUENCE + 1)]
            self._entities.set(sequence, "shots", [link(shot) for shot in shots])
        for number in range(1, ASSETS_PER_PROJECT + 1):
            values = {"code": f"prop_{number:02}", "sg_asset_type": "Prop", "sg_status_list": self._status()}
            self._tasks(self._add("Asset", values, 410), ASSET_TASKS)

    def _shot(self, sequence: Record, place: int) -> Record:
        values = {
            "code": f"{sequence.values['code']}_{place * 10:04}",
            "sg_sequence": link(sequence),
            "sg_status_list": self._status(),
            "sg_cut_in": 1001,
            "sg_cut_out": 1001 + self._random.randrange(24, 240),
        }
        shot = self._add("Shot", values, 860)
        self._tasks(shot, SHOT_TASKS)
        return shot

    def _tasks(self, owner: Record, names: tuple[str, ...]) -> None:
        tasks = []
        for name in names:
            values = {
                "content": name,
                "entity": link(owner),
                "step": link(self._steps[name]),
                "sg_status_list": self._status(),
                "task_assignees": [link(self._random.choice(self._people))],
                "color": "pipeline_step",
            }
            tasks.append(self._add("Task", values, 5800))
        for before, after in pairwise(tasks):
            self._entities.set(before, "downstream_tasks", [link(after)])
            self._entities.set(after, "upstream_tasks", [link(before)])
        self._entities.set(owner, "tasks", [link(task) for task in tasks])
        version = {
            "code": f"{owner.values['code']}_{names[-1].lower()}_v001",
            "entity": link(owner),
            "sg_task": link(tasks[-1]),
            "sg_status_list": "rev",
            "user": link(self._random.choice(self._people)),
        }
        made = self._add("Version", version, 7000)
        self._entities.set(owner, "sg_versions", [link(made)])

    def _status(self) -> str:
        return self._random.choice(STATUSES)

    def _add(self, entity_type: str, values: dict[str, Any], first_id: int) -> Record:
        stamped = {**values, "project": link(self._project), "created_at": self._born}
        return self._entities.add(entity_type, stamped, first_id=first_id)
