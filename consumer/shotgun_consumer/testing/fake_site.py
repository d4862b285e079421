"""A site in memory: it answers from the entities that a test gives it, and takes down what is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import shotgun_api3
from shotgun_api3.shotgun import ServerCapabilities

from ..trying.recording import Journal, JournalShotgun, Write
from .entities import Entities, Link
from .matching import UnsupportedError
from .summaries import summarize

ADDRESS = "http://fake-site.invalid"
_RPC = {
    "find": "read",
    "find_one": "read",
    "text_search": "query_display_name_cache",
    "activity_stream_read": "activity_stream",
    "note_thread_read": "note_thread_contents",
}


class FakeSite:
    """What a plugin under test sees as Shotgun.

    `script_user` is the user on events that the service's own script made. `writes` are the changes that were made, in
    order, by whatever connection; they are applied, so that later reads see them. Nothing is checked against a schema:
    a field that an entity was not given reads as None.
    """

    def __init__(self, script_name: str = "test_script") -> None:
        self.script_name = script_name
        self.entities = Entities()
        self.journal = Journal(first_id=9001)
        self.failures: list[BaseException] = []
        self.answers: dict[str, Any] = {}
        self._schemas: dict[str, dict[str, Any]] = {}
        self.script_user = self._script_user(30)

    @property
    def writes(self) -> list[Write]:
        """The changes so far, in order."""
        return self.journal.writes

    def _script_user(self, number: int) -> Link:
        self.entities.add("ApiUser", number, {"firstname": self.script_name, "lastname": "1.0"})
        return {"id": number, "name": f"{self.script_name} 1.0", "type": "ApiUser"}

    def add(self, entity_type: str, id: int | None = None, **fields: Any) -> Link:  # noqa: A002
        """Give the site an entity; returns a link to it: `type`, `id` and `name`. Values as a plugin would write them.

        Raises ValueError when there is an entity of this type and id.
        """
        number = self.entities.next_id(entity_type) if id is None else id
        self.entities.add(entity_type, number, self.connect()._transform_outbound(fields))
        return self.entities.link(entity_type, number)

    def get(self, entity_type: str, id: int) -> dict[str, Any] | None:  # noqa: A002
        """An entity as `find_one` would return it with all fields that it has; None when there is none, or no more."""
        row = self.entities.get(entity_type, id)
        return None if row is None else self.connect().find_one(entity_type, [["id", "is", id]], list(row))

    def schema(self, entity_type: str, fields: Mapping[str, Any]) -> None:
        """Say what `schema_field_read` answers for this type, in the client's own form."""
        self._schemas[entity_type] = dict(fields)

    def answer(self, method: str, value: Any) -> None:
        """Say what a reading method answers from now on: a value, or a function of the request's parameters.

        For `find` that is a list of entities, whatever the filter. For what the fake does not know by itself.
        """
        self.answers[_RPC.get(method, method)] = value

    def fail_next(self, *errors: BaseException) -> None:
        """Have the next requests raise these, one each."""
        self.failures.extend(errors)

    def connect(self, script_name: str | None = None, script_key: str | None = None) -> FakeShotgun:
        """A connection, as a callback would get; None for both is the service's own script."""
        return FakeShotgun(self, script_name or self.script_name, script_key or "test-key")


class FakeShotgun(JournalShotgun):
    """A `shotgun_api3.Shotgun` whose requests end in a FakeSite. It sends nothing anywhere."""

    def __init__(self, site: FakeSite, script_name: str, api_key: str) -> None:
        shotgun_api3.Shotgun.__init__(self, ADDRESS, script_name=script_name, api_key=api_key, connect=False)
        self._server_caps = ServerCapabilities(self.config.server, {"version": [8, 0, 0]})
        self._site = site
        self.journal = site.journal

    def connect(self) -> None:
        """There is nothing to connect to."""

    def apply(self, write: Write) -> Any:
        """Make the change in the fake site."""
        entity_type, data = str(write.entity_type), self._transform_outbound(dict(write.data))
        entities = self._site.entities
        if write.method == "create":
            number = self.journal.new_id()
            entities.add(entity_type, number, data)
            shown = {name: entities.value_at(entities.get(entity_type, number) or {}, name) for name in data}
            return {"type": entity_type, "id": number, **shown}
        if write.method in ("upload", "share_thumbnail"):
            return self.journal.new_id()
        if write.entity_id is None:
            return None
        if entities.get(entity_type, write.entity_id) is None:
            raise shotgun_api3.Fault(
                f"API {write.method}() there is no {entity_type} {write.entity_id}; "
                f"give it to the fake site: site.add({entity_type!r}, id={write.entity_id}, ...)"
            )
        if write.method == "update":
            changed = entities.update(entity_type, write.entity_id, data, write.modes)
            return {"type": entity_type, "id": write.entity_id, **changed}
        if write.method in ("delete", "revive"):
            return entities.set_retired(entity_type, write.entity_id, retired=write.method == "delete")
        return None

    def _look(self, method: str, params: Any, **_more: Any) -> Any:
        return self._transform_inbound(self._answer(method, self._transform_outbound(params)))

    def _answer(self, method: str, params: Any) -> Any:
        """The answer that the test gave, else one from the entities."""
        if method in self._site.answers:
            given = self._site.answers[method]
            value = given(params) if callable(given) else given
            return {"entities": value, "paging_info": {"has_next_page": False}} if method == "read" else value
        known: dict[str, Callable[[Any], Any]] = {
            "read": self._site.entities.read,
            "summarize": self._summarized,
            "schema_field_read": self._fields,
            "info": lambda _params: {"version": [8, 0, 0], "full_version": [8, 0, 0, 0]},
        }
        if method not in known:
            raise UnsupportedError(
                f"the fake site does not know {method!r}; say what it answers with site.answer({method!r}, ...)"
            )
        return known[method](params)

    def _call_rpc(self, *args: Any, **kwargs: Any) -> Any:
        if self._site.failures:
            raise self._site.failures.pop(0)
        return super()._call_rpc(*args, **kwargs)

    def _summarized(self, params: Mapping[str, Any]) -> dict[str, Any]:
        entities = self._site.entities
        return summarize(entities.select(params["type"], params["filters"]), params, entities.value_at)

    def _fields(self, params: Mapping[str, Any]) -> dict[str, Any]:
        schema = self._site._schemas.get(params["type"])
        if schema is None:
            raise UnsupportedError(
                f"the fake site has no schema of {params['type']}; give it with "
                f"site.schema({params['type']!r}, {{'<field>': {{'data_type': {{'value': 'text'}}}}}})"
            )
        name = params.get("field_name")
        return schema if name is None else {name: schema[name]}

    def _more(self, answer: Mapping[str, Any], fields: list[str]) -> Mapping[str, Any]:
        row = self._site.entities.get(answer["type"], answer["id"]) or {}
        return {name: self._site.entities.value_at(row, name) for name in fields}

    def _http_request(self, *_args: Any, **_kwargs: Any) -> Any:
        raise UnsupportedError(
            "the fake site answers no plain HTTP; replace the method that the plugin calls"
        )
