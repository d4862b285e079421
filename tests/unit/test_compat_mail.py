"""`setEmails` in its documented meaning (3.6, Q16, Q18, Q38), through a real SMTP server."""

from __future__ import annotations

import io
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest
from smtp_server import Mailbox, serving

from shotgun_consumer.plugins.plugin_files import PluginFile
from shotgun_consumer.plugins.plugin_loader import LoadedPlugin, load_plugin
from shotgun_consumer.plugins.plugin_mail import MailRoutes
from shotgun_runtime.log import close_logging, configure_logging
from shotgun_runtime.settings import LoggingSettings

GENERAL = "td@studio.example"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def settings(mailbox: Mailbox, logging_put_back: None) -> Iterator[LoggingSettings]:
    with serving(mailbox, wrap=None) as port:
        email = {"host": "127.0.0.1", "port": port, "sender": "stream@studio.example", "recipients": GENERAL}
        settings = LoggingSettings.model_validate({"email": {**email, "security": "none"}})
        configure_logging(settings, service="consumer", stream=io.StringIO())
        yield settings
        close_logging()


def plugin(folder: Path, name: str, emails: str | None) -> LoadedPlugin:
    path = folder / f"{name}.py"
    said = "pass" if emails is None else f"reg.setEmails({emails})"
    path.write_text(f"def registerCallbacks(reg):\n    {said}\n")
    return load_plugin(PluginFile(name, path), "classic", ConfigParser())


@pytest.mark.parametrize(
    ("emails", "to"),
    [
        (None, GENERAL),
        ("True", GENERAL),
        ("'lead@studio.example'", "lead@studio.example"),
        ("'lead@studio.example', 'sup@studio.example'", "lead@studio.example, sup@studio.example"),
        ("['lead@studio.example']", "lead@studio.example"),
        ("False", None),
        ("", None),
    ],
)
def test_q16_errors_of_a_plugin_go_where_set_emails_says_and_to_nobody_else(
    tmp_path: Path, settings: LoggingSettings, mailbox: Mailbox, emails: str | None, to: str | None
) -> None:
    one, other = plugin(tmp_path, "mail_one", emails), plugin(tmp_path, "mail_other", None)
    routes = MailRoutes(settings, service="consumer")
    try:
        for loaded in (one, other):
            routes.set(loaded)
        one.logger.error("Übergröße of the one")
        other.logger.error("of the other")
        mails = mailbox.wait_for(1 if to is None else 2)
    finally:
        routes.close()
        close_logging()
    # Closing has sent what was still waiting, so nothing more can come.
    found = {mail.get_content().strip().rsplit(": ", 1)[1]: mail["To"] for mail in mailbox.mails}
    assert found == {"of the other": GENERAL} | ({} if to is None else {"Übergröße of the one": to})
    assert len(mailbox.mails) == len(mails)


def test_after_a_reload_the_newest_version_says_where_errors_go(
    tmp_path: Path, settings: LoggingSettings, mailbox: Mailbox
) -> None:
    routes = MailRoutes(settings, service="consumer")
    try:
        for emails in ("True", "'one@x'", "'one@x'", "'two@x'", "False", "True"):
            loaded = plugin(tmp_path, "mail_again", emails)
            routes.set(loaded)
            loaded.logger.error("by the version of %s", emails)
        mailbox.wait_for(5)
    finally:
        routes.close()
        close_logging()
    # What was loaded several times is still mailed once each
    found = sorted(mail["To"] for mail in mailbox.mails)
    assert found == ["one@x", "one@x", GENERAL, GENERAL, "two@x"]
