"""Who is calling: scripts, people and sessions, and the refusals in the site's own words."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from shotgun_sandbox.site.entities import Entities, Record
from shotgun_sandbox.site.errors import AUTHENTICATION, SiteFault
from shotgun_sandbox.site.rules import Actor


class Accounts:
    """The keys of scripts and the passwords of people. Not thread-safe: the owner holds a lock."""

    def __init__(self, entities: Entities, password: str, random: Random) -> None:
        self._entities = entities
        self._password = password
        self._random = random
        self._keys: dict[str, str] = {}
        self._sessions: dict[str, Record] = {}

    def add_script(self, name: str, key: str, values: Mapping[str, Any]) -> Record:
        """Register a script and return its ``ApiUser``."""
        self._keys[name] = key
        return self._entities.add("ApiUser", {"firstname": name, **values}, first_id=30)

    def set_key(self, name: str, key: str) -> None:
        """Give a script a new key, as an administrator does; the old one is refused from now on."""
        self._keys[name] = key

    def authenticate(self, auth: Any) -> Actor:
        """Return whom ``auth`` speaks for. Raises SiteFault 102 when it is refused."""
        if not isinstance(auth, Mapping):
            raise _refused("Missing or invalid authentication arguments")
        record = self._account(auth)
        session = auth.get("session_uuid")
        logs = record.type != "ApiUser" or bool(record.values.get("generate_event_log_entries"))
        own = self._link(record)
        login = auth.get("sudo_as_login")
        if not login:
            return Actor(own, session, logs=logs)
        person = self._person(str(login))
        if person is None:
            raise _refused(f"Cannot 'sudo' - no user with the login '{login}' exists.")
        return Actor(self._link(person), session, sudo_by=own, logs=True)

    def new_session(self, auth: Mapping[str, Any]) -> str:
        """Return a session token that stands for the same account as ``auth``."""
        token = f"{self._random.getrandbits(128):032x}"
        self._sessions[token] = self._account(auth)
        return token

    def _account(self, auth: Mapping[str, Any]) -> Record:
        if "user_login" in auth:
            person = self._person(str(auth["user_login"]))
            if person is None or auth.get("user_password") != self._password:
                raise _refused(f"Can't authenticate user '{auth['user_login']}'.")
            return person
        if "script_name" in auth:
            return self._script(str(auth["script_name"]), auth.get("script_key"))
        if "session_token" in auth:
            token = str(auth["session_token"])
            if token not in self._sessions:
                raise _refused(f"Can't authenticate session token ending with '{token[-6:]}'")
            return self._sessions[token]
        raise _refused("Missing or invalid authentication arguments")

    def _script(self, name: str, key: Any) -> Record:
        if name in self._keys and self._keys[name] == key:
            for record in self._entities.of_type("ApiUser"):
                if record.values.get("firstname") == name and not record.retired:
                    return record
        raise _refused(f"Can't authenticate script '{name}'")

    def _person(self, login: str) -> Record | None:
        found = (person for person in self._entities.of_type("HumanUser") if not person.retired)
        return next((person for person in found if person.values.get("login") == login), None)

    def _link(self, record: Record) -> dict[str, Any]:
        return {"id": record.id, "name": self._entities.name(record), "type": record.type}


def _refused(message: str) -> SiteFault:
    return SiteFault(AUTHENTICATION, message)
