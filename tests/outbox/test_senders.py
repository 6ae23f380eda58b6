"""Through apprise to real servers, and to the terminal in development only."""

import logging

import pytest

from portal.config import Settings
from portal.outbox import (
    AppriseSender,
    DevelopmentSender,
    Outgoing,
    SendingFailed,
    channels,
    senders_for,
)

MOBILE = "+351912345689"


def outgoing(**changes):
    wanted = {
        "id": "msg_1",
        "channel": "sms",
        "to": MOBILE,
        "subject": None,
        "body": "123456 is your code",
    }
    return Outgoing(**(wanted | changes))


def production(**changes):
    wanted = {
        "env": "production",
        "secret_key": "k3J9-xq2LmZ8vR4tYw7PbN1cFh6GdS5aUe0",
        "sms_url": "json://127.0.0.1:9/{to}",
    }
    return Settings(**(wanted | changes))


def test_mail_goes_out_by_smtp(mailbox):
    sender = AppriseSender(
        f"mailto://127.0.0.1:{mailbox.port}/?from=shop@example.com&mode=insecure", channel="email"
    )
    sender.send(
        outgoing(
            channel="email", to="ana@example.com", subject="Your code", body="654321 — olá\n2nd"
        )
    )
    ((to, letter),) = mailbox.letters
    assert to == ["ana@example.com"]
    assert letter["to"] == "ana@example.com"
    assert letter["subject"] == "Your code"
    assert "shop@example.com" in letter["from"]
    body = letter.get_body(("plain",)).get_content()
    assert "654321 — olá" in body
    assert "2nd" in body


def test_mail_that_is_turned_away_may_be_tried_again(mailbox):
    mailbox.refuse = True
    sender = AppriseSender(
        f"mailto://127.0.0.1:{mailbox.port}/?from=shop@example.com&mode=insecure", channel="email"
    )
    with pytest.raises(SendingFailed):
        sender.send(outgoing(channel="email", to="ana@example.com"))


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("json://127.0.0.1:{port}/sms/{to}", "/sms/+351912345689"),
        ("json://127.0.0.1:{port}/sms?-key=k", "/sms/+351912345689"),
    ],
)
def test_a_text_goes_out_by_http(gateway, address, path):
    sender = AppriseSender(address.replace("{port}", str(gateway.port)), channel="sms")
    sender.send(outgoing())
    ((posted, body),) = gateway.posts
    assert posted.replace("%2B", "+").startswith(path)
    assert body["message"] == "123456 is your code"


def test_the_recipient_can_be_a_field_of_the_gateway(gateway):
    sender = AppriseSender(f"json://127.0.0.1:{gateway.port}/?:to={{to}}", channel="sms")
    sender.send(outgoing())
    ((_, body),) = gateway.posts
    assert body["to"] == MOBILE


def test_an_error_of_the_gateway_may_be_tried_again_and_names_nobody(gateway):
    gateway.status = 503
    sender = AppriseSender(f"json://127.0.0.1:{gateway.port}/{{to}}", channel="sms")
    with pytest.raises(SendingFailed) as failed:
        sender.send(outgoing())
    assert MOBILE[1:] not in str(failed.value)


def test_a_service_that_is_away_may_be_tried_again(gateway):
    sender = AppriseSender("json://127.0.0.1:1/{to}", channel="sms")
    with pytest.raises(SendingFailed):
        sender.send(outgoing())


@pytest.mark.parametrize(
    "to", ["a@example.com,b@example.com", "a@example.com b@example.com", "a@x.com\r\nBcc: b@x.com"]
)
def test_one_recipient_never_becomes_two(mailbox, to):
    sender = AppriseSender(
        f"mailto://127.0.0.1:{mailbox.port}/?from=shop@example.com&mode=insecure", channel="email"
    )
    with pytest.raises(SendingFailed):
        sender.send(outgoing(channel="email", to=to))
    assert mailbox.letters == []


def test_apprise_logs_neither_code_nor_number(gateway, caplog):
    caplog.set_level(logging.DEBUG)
    sender = AppriseSender(f"json://127.0.0.1:{gateway.port}/{{to}}", channel="sms")
    sender.send(outgoing())
    gateway.status = 500
    with pytest.raises(SendingFailed):
        sender.send(outgoing())
    assert "123456" not in caplog.text
    assert MOBILE[1:] not in caplog.text


def test_a_wrong_address_shows_at_the_start_without_being_quoted():
    with pytest.raises(ValueError) as refused:
        AppriseSender("nosuchservice://user:hunter2@example.com", channel="sms")
    assert "hunter2" not in str(refused.value)


def test_a_message_in_a_traceback_shows_nothing():
    shown = repr(outgoing(subject="secret"))
    assert "123456" not in shown
    assert MOBILE not in shown
    assert "secret" not in shown


def test_in_development_messages_go_to_the_terminal_and_are_kept(capsys):
    senders = senders_for(Settings(env="development"))
    assert set(senders) == {"sms", "email"}
    senders["sms"].send(outgoing())
    assert senders["sms"].keeps
    printed = capsys.readouterr().out
    assert MOBILE in printed
    assert "123456" in printed


def test_in_development_an_address_is_used_too(gateway, capsys):
    senders = senders_for(
        Settings(env="development", sms_url=f"json://127.0.0.1:{gateway.port}/{{to}}")
    )
    senders["sms"].send(outgoing())
    assert len(gateway.posts) == 1


def test_production_prints_nothing_and_keeps_nothing(capsys):
    senders = senders_for(production())
    assert set(senders) == {"sms"}
    assert not senders["sms"].keeps
    with pytest.raises(SendingFailed):
        senders["sms"].send(outgoing())
    assert capsys.readouterr().out == ""


def test_the_terminal_cannot_be_used_in_production():
    with pytest.raises(ValueError):
        DevelopmentSender(production())


def test_channels_are_those_that_can_be_sent_on():
    assert channels(Settings(env="development")) == {"sms", "email"}
    assert channels(production()) == {"sms"}
    assert channels(production(sms_url=None, mail_url="mailto://x:y@example.com")) == {"email"}
