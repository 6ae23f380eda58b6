"""Messages are readable on a developer's machine, and nowhere else."""

import re

import pytest

from portal import create_app
from portal.config import Settings
from portal.errors import Misuse
from portal.web import dev


def test_messages_are_shown_newest_first(visitor):
    for number in ("+447400000007", "+447400000008"):
        page = visitor.get("/join/corner")
        visitor.post(
            "/join/corner", {"first_name": "Ana", "identifier": number, "terms": "y"}, on=page
        )
        visitor.code_for(number)
    sent = visitor.messages()
    assert [one["to"] for one in sent] == ["+447400000008", "+447400000007"]
    assert set(sent[0]) == {"to", "channel", "subject", "body", "sent_at"}
    assert sent[0]["channel"] == "sms"
    assert re.search(r"\b\d{6}\b", sent[0]["body"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", sent[0]["sent_at"])
    shown = visitor.get("/dev/messages")
    assert "+447400000008" in shown.text


def test_messages_do_not_exist_in_production(settings):
    production = Settings(
        database_url=settings.database_url,
        env="production",
        secret_key="kQ3v9XbT1mZr7LwYp5NcGd8HsJf2Aa0E",
        sms_url="json://localhost",
        log_level="ERROR",
    )
    app = create_app(production)
    client = app.test_client()
    for path in ("/dev", "/dev/messages", "/dev/messages.json"):
        assert client.get(path).status_code == 404
    assert not [rule for rule in app.url_map.iter_rules() if "dev" in rule.rule]
    assert "portal_delivery" not in app.extensions
    with pytest.raises(Misuse):
        dev.register(app)
    assert client.get("/metrics").status_code == 404
    page = client.get("/sign-in").text
    assert ">E-mail<" not in page
    assert "Phone number" in page
    with app.app_context():
        from portal.web.extensions import db

        db.engine.dispose()
