"""What people in a studio do all day, each as one transaction on the site."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from shotgun_sandbox.site.catalog import STATUSES, link
from shotgun_sandbox.site.clock import iso
from shotgun_sandbox.site.core import SiteCore
from shotgun_sandbox.site.entities import Record
from shotgun_sandbox.site.rules import Actor
from shotgun_sandbox.site.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Later:
    """Something that follows from an activity by itself, ``seconds`` later."""

    seconds: float
    work: Callable[[Transaction], None]


class Studio:
    """The people of the site at work. Not thread-safe: the caller holds the site's lock."""

    def __init__(self, core: SiteCore, random: Random) -> None:
        self._core = core
        self._random = random
        self._sessions: dict[int, str] = {}

    def act(self, tx: Transaction) -> Later | None:
        """Let somebody do something; its rows go into ``tx``."""
        chosen = self._random.choices(_NAMES, _WEIGHTS)[0]
        return ACTIVITIES[chosen][1](self, tx)

    def act_small(self, tx: Transaction) -> None:
        """Let somebody do something that makes exactly one row."""
        ACTIVITIES[self._random.choice(SINGLE)][1](self, tx)

    def view(self, tx: Transaction) -> None:
        """Somebody opens a page: exactly one row."""
        person, page = self._person(), self._pick("Page")
        subject = self._pick("Version")
        meta = {"link_entity_type": "Version", "link_entity_id": subject.id}
        project = page.values.get("project")
        actor = self._actor(person)
        self._core.writes.log(
            tx, actor, "Shotgun_Version_View", entity=link(page), project=project, meta=meta
        )

    def bulk_status(self, tx: Transaction, rows: int) -> None:
        """Somebody sets the status of very many tasks at once: about ``rows`` rows, at least that many."""
        actor = self._actor(self._person())
        while len(tx.rows) < rows:
            self._core.writes.update(
                tx, actor, self._pick("Task"), "sg_status_list", self._random.choice(STATUSES)
            )

    def _status(self, tx: Transaction) -> None:
        kind = self._random.choices(("Task", "Version", "Shot", "Asset"), (70, 18, 8, 4))[0]
        record = self._pick(kind)
        choices = [status for status in STATUSES if status != record.values.get("sg_status_list")]
        actor = self._actor(self._person())
        self._core.writes.update(tx, actor, record, "sg_status_list", self._random.choice(choices))

    def _version(self, tx: Transaction) -> Later:
        task, person = self._pick("Task"), self._person()
        owner = task.values.get("entity")
        values = {
            "project": task.values["project"],
            "code": f"{task.values['content'].lower()}_{task.id}_v{self._random.randrange(2, 80):03}",
            "entity": owner,
            "sg_task": link(task),
            "user": link(person),
            "frame_count": self._random.randrange(24, 240),
            "description": self._random.choice(REMARKS),
        }
        actor = self._actor(person)
        made = self._core.writes.create(tx, actor, "Version", values)
        return self._thumbnail(tx, actor, made, self._random.uniform(20.0, 40.0))

    def _publish(self, tx: Transaction) -> None:
        task, person = self._pick("Task"), self._person()
        number = self._random.randrange(1, 60)
        values = {
            "project": task.values["project"],
            "code": f"{task.values['content'].lower()}_{task.id}.v{number:03}.usd",
            "name": task.values["content"],
            "entity": task.values.get("entity"),
            "task": link(task),
            "version_number": number,
        }
        self._core.writes.create(tx, self._actor(person), "PublishedFile", values)

    def _note(self, tx: Transaction) -> None:
        version, person = self._pick("Version"), self._person()
        values = {
            "project": version.values["project"],
            "subject": f"Note on {version.values['code']}",
            "content": self._random.choice(REMARKS),
            "note_links": [link(version)],
            "addressings_to": [link(self._person())],
            "user": link(person),
        }
        self._core.writes.create(tx, self._actor(person), "Note", values)

    def _reading(self, tx: Transaction) -> None:
        note = self._core.entities.any_alive("Note", self._random)
        if note is None:
            return self.view(tx)
        meta = {
            "type": "attribute_change",
            "attribute_name": "read_by_current_user",
            "old_value": None,
            "new_value": "read",
        }
        values = {"attribute_name": "read_by_current_user", "entity": link(note), "meta": meta}
        self._core.writes.log(tx, self._actor(self._person()), "Shotgun_Reading_Change", **values)
        return None

    def _assign(self, tx: Transaction) -> None:
        task = self._pick("Task")
        people = [link(self._person()) for _ in range(self._random.randrange(1, 3))]
        distinct = [person for place, person in enumerate(people) if person not in people[:place]]
        self._core.writes.update(tx, self._actor(self._person()), task, "task_assignees", distinct)

    def _reschedule(self, tx: Transaction) -> None:
        task, actor = self._pick("Task"), self._actor(self._person())
        start = self._core.stamp() + self._random.randrange(1, 20) * 86400
        self._core.writes.update(tx, actor, task, "start_date", iso(start)[:10])
        self._core.writes.update(tx, actor, task, "due_date", iso(start + 5 * 86400)[:10])

    def _login(self, tx: Transaction) -> None:
        person = self._person()
        self._sessions.pop(person.id, None)
        event_type = self._random.choices(
            ("Shotgun_User_Login", "Shotgun_User_Logout", "AutodeskLicense", "ShotGrid_PAT_Exchanged"),
            (5, 3, 2, 1),
        )[0]
        actor = Actor(self._actor(person).user)
        self._core.writes.log(tx, actor, event_type, entity=link(person), description=f"{event_type}")

    def _page_setting(self, tx: Transaction) -> None:
        history = self._random.randrange(500, 9000)
        changes = {
            "type": "page_setting_change",
            "changes": [{"path": ["body", "grid"], "type": "SG.Widget.Grid", "setting": "columns"}],
            "friendly_changes": "On the grid a column was added",
        }
        metas: tuple[dict[str, Any], ...] = (
            changes,
            {"page_setting_history_id": history},
            {**changes, "page_setting_history_id": history},
            {},
        )
        meta = self._random.choices(metas, (47, 44, 8, 1))[0]
        page = link(self._pick("Page")) if self._random.random() < 0.74 else None
        actor = self._actor(self._person())
        self._core.writes.log(tx, actor, "Shotgun_PageSetting_Change", entity=page, meta=meta)

    def _toolkit(self, tx: Transaction) -> None:
        project = self._pick("Project")
        meta = {"core": "v0.21.7", "engine": "tk-maya", "app": "tk-multi-publish2", "command": "Publish..."}
        values = {"meta": meta, "project": link(project), "description": "tk-maya: a toolkit app was started"}
        actor = self._actor(self._person())
        self._core.writes.log(tx, actor, "Toolkit_App_Startup", **values)

    def _odd(self, tx: Transaction) -> None:
        project = link(self._pick("Project"))
        event_type = self._random.choice((None, "Harbour_Render_Done", "Shotgun_Attachment_View"))
        self._core.writes.log(tx, Actor(None), event_type, project=project, description="New Event")

    def _shot(self, tx: Transaction) -> None:
        sequence, template = self._pick("Sequence"), self._pick("TaskTemplate")
        values = {
            "project": sequence.values["project"],
            "code": f"{sequence.values['code']}_{self._random.randrange(100, 9000):04}",
            "sg_sequence": link(sequence),
            "description": self._random.choice(REMARKS),
            "task_template": link(template),
        }
        self._core.writes.create(tx, self._actor(self._person()), "Shot", values)

    def _retire(self, tx: Transaction) -> None:
        record = self._pick(self._random.choices(("Version", "Task"), (4, 1))[0])
        self._core.writes.retire(tx, self._actor(self._person()), record)

    def _revive(self, tx: Transaction) -> None:
        for record in self._core.entities.of_type("Version"):
            if record.retired:
                self._core.writes.revive(tx, self._actor(self._person()), record)
                return
        self.view(tx)

    def thumbnail(self, tx: Transaction, record: Record, seconds: float) -> Later:
        """Somebody gives an entity a new image; the second row is due ``seconds`` later."""
        return self._thumbnail(tx, self._actor(self._person()), record, seconds)

    def _thumbnail(self, tx: Transaction, actor: Actor, record: Record, seconds: float) -> Later:
        self._core.writes.thumbnail(tx, actor, record, transient=True)

        def finished(later: Transaction) -> None:
            self._core.writes.thumbnail(later, actor, record, transient=False)

        return Later(seconds, finished)

    def _person(self) -> Record:
        return self._pick("HumanUser")

    def _pick(self, entity_type: str) -> Record:
        record = self._core.entities.any_alive(entity_type, self._random)
        if record is None:
            raise LookupError(f"every {entity_type} of the site has been retired")
        return record

    def _actor(self, person: Record) -> Actor:
        session = self._sessions.get(person.id)
        if session is None:
            session = str(uuid.UUID(int=self._random.getrandbits(128), version=1))
            self._sessions[person.id] = session
        name = self._core.entities.name(person)
        return Actor({"id": person.id, "name": name, "type": "HumanUser"}, session)


REMARKS = (
    "Blocking pass, hold off on the hands",
    "Final textures <wip>",
    "Camera matches the new edit",
    "Rim light is too hot on the left",
    "수정 요청: 손가락 위치",
    "Ready for dailies 🎬",
)

Work = Callable[[Studio, Transaction], "Later | None"]
ACTIVITIES: Mapping[str, tuple[float, Work]] = {
    "status": (34.0, Studio._status),
    "view": (16.0, Studio.view),
    "publish": (5.0, Studio._publish),
    "version": (4.0, Studio._version),
    "note": (5.0, Studio._note),
    "reading": (5.0, Studio._reading),
    "assign": (5.0, Studio._assign),
    "reschedule": (6.0, Studio._reschedule),
    "login": (6.0, Studio._login),
    "page_setting": (4.0, Studio._page_setting),
    "toolkit": (2.0, Studio._toolkit),
    "odd": (1.0, Studio._odd),
    "retire": (0.8, Studio._retire),
    "revive": (0.4, Studio._revive),
    "shot": (0.5, Studio._shot),
}
SINGLE = ("status", "status", "status", "view", "reading", "login", "page_setting", "toolkit")
_NAMES = tuple(ACTIVITIES)
_WEIGHTS = tuple(weight for weight, _ in ACTIVITIES.values())
