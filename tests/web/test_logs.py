"""Logs hold no code, no token, no whole phone number."""

import json
import logging

import pytest

from portal.web import logs


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("sent 123456 to +447400123456", ["123456", "4740012"]),
        ("code 123 456", ["123 456"]),
        ("to 07400 123-456 now", ["07400 123", "123-456"]),
        ("from ana.silva@example.com", ["ana.silva"]),
        ("Authorization: Bearer ptl_abc.def-123", ["ptl_abc"]),
        ("[parameters: ('+351912345678', 'token=abcdefghij')]", ["35191234", "abcdefghij"]),
        ("code=987654&next=/", ["987654"]),
    ],
)
def test_secrets_are_masked(text, hidden):
    shown = logs.masked_text(text)
    for secret in hidden:
        assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        "req_06gzsa726jwwsbkttgfa",
        "POST /sign-in/code 422",
        "portal/web/errors.py:123",
        "GET /history/ptx_06gzsa72012345600001",
        "42 rows",
    ],
)
def test_what_helps_is_kept(text):
    assert logs.masked_text(text) == text


def test_whole_lines_are_masked_by_name_and_depth():
    line = logs.mask(
        None,
        "info",
        {"event": "x", "token": "abc", "nested": {"code": "1", "to": ["+447400123456"]}},
    )
    assert line["token"] == logs.HIDDEN
    assert line["nested"] == {"code": logs.HIDDEN, "to": ["…56"]}


def test_sign_in_leaves_nothing_in_the_log(make_member, settings, capfd, app):
    logs.configure(development=False, level="DEBUG")
    capfd.readouterr()
    member = make_member("Ana", "+447400000001")
    token = member.client.get_cookie("session").value
    code = member.code_for("+447400000001")
    member.get("/home")
    lines = [line for line in capfd.readouterr().err.splitlines() if line.strip()]
    logs.configure(development=True, level="WARNING")
    requests = [json.loads(line) for line in lines]
    assert any(line.get("event") == "request" and line["route"] == "/home" for line in requests)
    assert all(line["request_id"] for line in requests if line["event"] == "request")
    for line in lines:
        for secret in (token, code, "7400000001"):
            assert secret not in line
    assert logging.getLogger().level == logging.WARNING
