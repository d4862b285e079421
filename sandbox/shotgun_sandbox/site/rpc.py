"""The methods of the site's JSON-RPC interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from shotgun_sandbox.site.core import SiteCore
from shotgun_sandbox.site.crud import Crud
from shotgun_sandbox.site.errors import REQUEST, SiteFault
from shotgun_sandbox.site.rules import Actor
from shotgun_sandbox.site.schema_read import schema_entities, schema_everything, schema_fields
from shotgun_sandbox.site.transactions import Transaction

Args = Mapping[str, Any]


class Rpc:
    """Answers one call at a time; each is seen whole or not at all by the others."""

    def __init__(self, core: SiteCore) -> None:
        self._core = core
        self._crud = Crud(core)
        self._methods: dict[str, Callable[[Actor, str, Any], Any]] = {
            "read": self._read,
            "summarize": self._summarize,
            "create": self._write,
            "update": self._write,
            "delete": self._write,
            "revive": self._write,
            "batch": self._batch,
            "schema_read": lambda *_: schema_everything(),
            "schema_entity_read": lambda *_: schema_entities(),
            "schema_field_read": lambda _actor, _method, args: schema_fields(args),
            "query_display_name_cache": self._text_search,
            "activity_stream": self._activity_stream,
            "preferences_read": lambda *_: {
                "format_date_fields": "08/04/22 OR 04/08/22 (depending on locale)"
            },
            "update_project_last_accessed_by_current_user": lambda *_: None,
            "follow": lambda _actor, _method, args: {"followed": True, **_pair(args)},
            "unfollow": lambda _actor, _method, args: {"unfollowed": True, **_pair(args)},
            "followers": lambda *_: [],
            "following": lambda *_: [],
        }

    def call(self, method: str, params: list[Any]) -> Any:
        """Return the results of a call. Raises SiteFault for what the site refuses."""
        if method == "info":
            return self.info()
        with self._core.lock:
            auth = params[0] if params else {}
            actor = self._core.accounts.authenticate(auth)
            args = params[1] if len(params) > 1 else {}
            if method == "get_session_token":
                return {"session_id": self._core.accounts.new_session(auth)}
            handler = self._methods.get(method)
            if handler is None:
                raise SiteFault(REQUEST, f"API method '{method}' doesn't exist.")
            return handler(actor, method, args)

    def info(self) -> dict[str, Any]:
        """Return what the site tells about itself without asking who calls."""
        version = list(self._core.pages.version)
        return {
            "version": version,
            "full_version": [*version[:3], 9724],
            "user_authentication_method": "oxygen",
            "api_max_entities_per_page": self._core.pages.cap,
            "s3_uploads_enabled": True,
            "s3_direct_uploads_enabled": True,
        }

    def _read(self, actor: Actor, _method: str, args: Args) -> Any:
        return self._core.reads.read(args, self._core.permissions.hidden_from(_account(actor)))

    def _summarize(self, actor: Actor, _method: str, args: Args) -> Any:
        return self._core.reads.summarize(args, self._core.permissions.hidden_from(_account(actor)))

    def _write(self, actor: Actor, method: str, args: Args) -> Any:
        return self._in_transaction(lambda tx: self._crud.run(tx, actor, method, args))

    def _batch(self, actor: Actor, _method: str, requests: Any) -> Any:
        if not isinstance(requests, list):
            raise SiteFault(REQUEST, "API batch() expected an Array of requests.")
        return self._in_transaction(
            lambda tx: [self._crud.run(tx, actor, str(item.get("request_type")), item) for item in requests]
        )

    def _in_transaction(self, work: Callable[[Transaction], Any]) -> Any:
        core = self._core
        transaction = core.transactions.open()
        core.entities.begin()
        try:
            results = work(transaction)
        except BaseException:
            core.entities.rollback()
            core.transactions.abort(transaction)
            raise
        core.entities.keep()
        core.commit_after(transaction, core.visible_after)
        return results

    def _text_search(self, _actor: Actor, _method: str, args: Args) -> Any:
        text = str(args.get("text", "")).casefold()
        found = []
        for entity_type in args.get("entity_types") or {}:
            for record in self._core.entities.of_type(entity_type):
                name = self._core.entities.name(record)
                if not record.retired and text in name.casefold():
                    found.append({"type": entity_type, "id": record.id, "name": name})
        return {"matches": found[: args.get("max_results") or 10], "terms": text.split()}

    def _activity_stream(self, _actor: Actor, _method: str, args: Args) -> Any:
        return {
            "entity_type": args.get("type"),
            "entity_id": args.get("id"),
            "latest_update_id": None,
            "earliest_update_id": None,
            "updates": [],
        }


def _account(actor: Actor) -> str:
    own = actor.sudo_by or actor.user or {}
    name = str(own.get("name", ""))
    return name.rsplit(" ", 1)[0] if own.get("type") == "ApiUser" else name


def _pair(args: Args) -> dict[str, Any]:
    return {key: args.get(key) for key in ("user", "entity")}
