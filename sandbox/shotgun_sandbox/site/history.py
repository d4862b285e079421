"""The site's past: rows computed from their id, so that a million of them cost no memory and no start-up time."""

from __future__ import annotations

import uuid
from array import array
from random import Random
from typing import Any

from shotgun_sandbox.site.calendar import StudioCalendar
from shotgun_sandbox.site.catalog import STATUSES
from shotgun_sandbox.site.clock import iso, ruby_utc
from shotgun_sandbox.site.entities import Entities, Record
from shotgun_sandbox.site.id_ranges import IdRanges

Row = dict[str, Any]

# Share of the past whose subject has been retired since: its rows show no entity any more.
RETIRED_SHARE = 0.15
PUBLISH_NOTES = ("Ready for review", "Fixed the foot slide", "New camera", "리깅 수정 완료", "Matte cleanup")


class History:
    """``count`` visible rows over the first ids, dense save for the dead share, each a function of seed and id.

    Ids were drawn by ``writers`` writers from blocks of ``block`` ids, so ``created_at`` steps back and forth
    between neighbouring blocks, within the span of the blocks that were open together.
    """

    def __init__(
        self,
        count: int,
        calendar: StudioCalendar,
        entities: Entities,
        *,
        seed: int,
        dead: float,
        writers: int,
        block: int,
    ) -> None:
        burnt = round(count * dead / (1 - dead)) if count else 0
        self._last = count + burnt
        self._dead = frozenset(Random(seed ^ 0xDEAD).sample(range(1, self._last + 1), burnt))  # noqa: S311
        self._calendar = calendar
        self._seed = seed
        self._writers = writers
        self._block = block
        self._subjects = [
            record for kind in ("Task", "Version", "Shot", "Asset") for record in entities.of_type(kind)
        ]
        self._people = list(entities.of_type("HumanUser"))
        self._pages = list(entities.of_type("Page"))

    @property
    def last_id(self) -> int:
        """The highest id of the past; 0 when there is none."""
        return self._last

    @property
    def dead(self) -> frozenset[int]:
        """Ids that were drawn and never committed."""
        return self._dead

    def ids(self) -> array[int]:
        """Return the visible ids of the past, ascending."""
        dead = self._dead
        everything = range(1, self._last + 1)
        return array("q", everything if not dead else [number for number in everything if number not in dead])

    def created_at(self, event_id: int) -> float:
        """Return when the row ``event_id`` was written, in epoch seconds."""
        block, place = divmod(event_id - 1, self._block)
        return self._calendar.moment(block * self._block + place * self._writers)

    def created_between(self, first: float, last: float) -> IdRanges:
        """Return a range of ids that holds every row created in ``[first, last]``, and some more."""
        slack = self._writers * self._block + self._block + 2
        low = int(self._calendar.position(first)) - slack
        high = int(self._calendar.position(last)) + slack
        return IdRanges.of([(max(1, low), min(self._last, high))])

    def row(self, event_id: int) -> Row:
        """Return the row ``event_id``, equal at every call."""
        random = Random(self._seed * 1_000_003 + event_id)  # noqa: S311
        epoch = self.created_at(event_id)
        user = random.choice(self._people)
        row: Row = {
            "type": "EventLogEntry",
            "id": event_id,
            "event_type": None,
            "attribute_name": None,
            "description": None,
            "meta": None,
            "entity": None,
            "user": {"id": user.id, "name": user.values["name"], "type": "HumanUser"},
            "project": None,
            "session_uuid": str(uuid.UUID(int=random.getrandbits(128), version=1)),
            "created_at": iso(epoch),
        }
        pick = random.random()
        if pick < 0.72:
            self._change(random, row)
        elif pick < 0.80:
            self._created(random, row)
        elif pick < 0.90:
            self._viewed(random, row)
        elif pick < 0.95:
            self._logged_in(random, row)
        else:
            self._retired(random, row, epoch)
        return row

    def _subject(self, random: Random, row: Row) -> tuple[str, int]:
        record = random.choice(self._subjects)
        row["project"] = record.values["project"]
        if random.random() < RETIRED_SHARE:
            return record.type, 1 + record.id % 97  # below the first living id of every type: long gone
        row["entity"] = _link(record)
        return record.type, record.id

    def _change(self, random: Random, row: Row) -> None:
        entity_type, entity_id = self._subject(random, row)
        if random.random() < 0.7:
            attribute, kind = "sg_status_list", "status_list"
            old, new = random.sample(STATUSES, 2)
        else:
            attribute, kind = ("sg_description" if entity_type == "Task" else "description"), "text"
            old, new = None, random.choice(PUBLISH_NOTES)
        row["event_type"] = f"Shotgun_{entity_type}_Change"
        row["attribute_name"] = attribute
        row["description"] = f"{row['user']['name']} changed {attribute} from {old!r} to {new!r}"
        row["meta"] = {
            "type": "attribute_change",
            "attribute_name": attribute,
            "entity_type": entity_type,
            "entity_id": entity_id,
            "field_data_type": kind,
            "old_value": old,
            "new_value": new,
        }
        if random.random() < 0.3:
            row["meta"]["in_create"] = True
            row["meta"]["old_value"] = None

    def _created(self, random: Random, row: Row) -> None:
        entity_type, entity_id = self._subject(random, row)
        row["event_type"] = f"Shotgun_{entity_type}_New"
        row["description"] = f"{row['user']['name']} created {entity_type} {entity_id}"
        row["meta"] = {"type": "new_entity", "entity_type": entity_type, "entity_id": entity_id}

    def _viewed(self, random: Random, row: Row) -> None:
        subject, page = random.choice(self._subjects), random.choice(self._pages)
        row["event_type"] = f"Shotgun_{subject.type}_View"
        row["entity"] = _link(page)
        row["project"] = page.values["project"]
        row["meta"] = {"link_entity_type": subject.type, "link_entity_id": subject.id}

    def _logged_in(self, random: Random, row: Row) -> None:
        row["event_type"] = random.choice(("Shotgun_User_Login", "Shotgun_User_Logout", "AutodeskLicense"))
        row["entity"] = row["user"]
        row["session_uuid"] = None

    def _retired(self, random: Random, row: Row, epoch: float) -> None:
        record = random.choice(self._subjects)
        gone = 1 + record.id % 97
        row["event_type"] = f"Shotgun_{record.type}_Retirement"
        row["project"] = record.values["project"]
        row["description"] = f"{row['user']['name']} deleted {record.type} {gone}"
        row["meta"] = {
            "type": "entity_retirement",
            "class_name": record.type,
            "display_name": f"{record.type} {gone}",
            "entity_id": gone,
            "entity_type": record.type,
            "id": gone,
            "retirement_date": ruby_utc(epoch),
        }


def _link(record: Record) -> Row:
    return {"id": record.id, "name": f"{record.type} {record.id}", "type": record.type}
