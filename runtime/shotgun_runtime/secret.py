"""Secrets: read from files, kept out of everything that is printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

MASK = "********"

_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)?(?P<userinfo>[^/]*)@(?P<rest>[^@]*)")
_MAX_SECRET_FILE = 64 * 1024
# A shorter secret would black out ordinary words all over the log and protects nothing.
_SHORTEST_REDACTED = 4


def read_secret_file(path: Path) -> str:
    """Return the secret in a file without the newline at its end. Raises ValueError when there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_SECRET_FILE + 1)
    except OSError as error:
        raise ValueError(f"a readable file that holds the secret ({error.strerror or error})") from None
    if len(data) > _MAX_SECRET_FILE:
        raise ValueError("a file that holds the secret alone (this one is larger than 64 KiB)")
    try:
        text = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("a UTF-8 text file that holds the secret alone") from None
    if not text.strip():
        raise ValueError("a file that holds the secret (this one is empty)")
    return text


def is_secret_property(name: str) -> bool:
    """Tell whether a librdkafka property holds a secret, by its name."""
    lowered = name.lower()
    return (
        any(word in lowered for word in ("password", "secret", "passphrase")) or lowered in _SECRET_PROPERTIES
    )


_SECRET_PROPERTIES = frozenset(
    {"ssl.key.pem", "ssl_key", "sasl.oauthbearer.config", "sasl.oauthbearer.assertion.private.key.pem"}
)


def mask_userinfo(url: str) -> str:
    """Return the URL, or ``user:password@host:port``, with the part before ``@`` masked."""
    found = _USERINFO.match(url)
    if not found:
        return url
    return f"{found['scheme'] or ''}{MASK}@{url[found.start('rest') :]}"


def password_of(url: str) -> str | None:
    """Return the password in a URL's user part, or None."""
    found = _USERINFO.match(url)
    if not found or ":" not in found["userinfo"]:
        return None
    return found["userinfo"].split(":", 1)[1] or None


class Redactor:
    """Replaces known secrets in text, also where JSON, ``repr`` or a URL has escaped them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms: set[str] = set()
        for secret in secrets:
            if len(secret) >= _SHORTEST_REDACTED:
                forms |= {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe="")}
        # Longest first: a secret that contains another one must not be cut in half.
        longest_first = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """Return the text with every known secret masked."""
        return self._pattern.sub(MASK, text) if self._pattern else text
