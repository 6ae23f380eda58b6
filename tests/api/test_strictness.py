"""Bad input, of every kind: a clear refusal that names the field, never a 500."""

import json

import pytest

NO_NUMBERS = [
    "1000.0", '"100"', "true", "null", "1e3", "[]", "{}", "0", "-1", "1.5", "1e999", '"111111111"',
    "9223372036854775808", "1" * 400, "9" * 5000, "-" + "9" * 5000,
]  # fmt: skip
NO_JSON = [
    b"{",
    b"nonsense",
    b'{"points": NaN}',
    b'{"points": Infinity}',
    b'{"points": 1, "points": 2}',
    b'{"points": 1}}',
    b"\xff\xfe{}",
    b'{"store": "\xc3\x28"}',
    b'{"store": "\\ud800"}',
    b"[" * 60_000,
    b"[" * 20_000 + b"]" * 20_000,
    b'{"metadata": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}",
    b"\xef\xbb\xbf{}",
    b"{'points': 1}",
    b"//",
]
NO_TEXT = ["", " ", "a\x00b", "a\nb", "\x7f", "x" * 300, 7, None, [], True]
NO_METADATA = [[], "x", 1, None, {"a": "x" * 9_000}, {"b": ["x"] * 8_000}]
NO_TIMES = [
    "2026-01-01", "2026-01-01T00:00:00", "yesterday", "2026-13-01T00:00:00Z", 1767225600, "", None,
    "2026-01-01T00:00:00+25:00", "2026-02-30T00:00:00Z", "2026-01-01T24:01:00Z",
    "٢٠٢٦-01-01T00:00:00Z", "2026-01-01t00:00:00", "2026-01-01T00:00Z",
]  # fmt: skip
NO_LIMITS = ["0", "101", "-1", "1.0", "x", "", "9" * 5000, "٣", "1&limit=2", "%2B1"]
NO_CURSORS = ["x", "AAAA", "zzzz====", "MDAwfGxveV8x", "%ff", "x" * 600, "fHw", "%7C"]
NO_IDS = ["%00", "loy_", "loy_%00", "x", "loy_" + "1" * 4000, "%ff", "LOY_1", "loy_1%20"]


@pytest.fixture
def body(till, member):
    """A redemption that would succeed; checks in the end that none did."""
    yield {"account": member["id"], "points": 10}
    assert till.get(f"/accounts/{member['id']}")["balance"] == 1000, "a refusal moved points"


def test_whole_numbers_are_whole(till, body):
    for points in NO_NUMBERS:
        data = b'{"account": "%b", "points": %b}' % (body["account"].encode(), points.encode())
        refusal = till.check(till("POST", "/redemptions", data=data), 422, "invalid_fields")
        assert list(refusal["errors"]) == ["points"], points


def test_what_is_no_json_is_400(till):
    for data in NO_JSON:
        till.check(till("POST", "/redemptions", data=data), 400, "unparsable_json")


def test_json_that_is_no_object_is_422(till):
    for data in (b"[]", b'"text"', b"1", b"null", b"true"):
        till.check(till("POST", "/redemptions", data=data), 422, "invalid_fields")


def test_a_great_body_is_413(till):
    for data in (b" " * 70_000, b"[" * 100_000):
        till.check(till("POST", "/redemptions", data=data), 413, "body_too_large")


def test_what_does_not_say_json_is_415(till, body):
    data = json.dumps(body).encode()
    for said in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/json; charset=latin-1",
    ):
        response = till("POST", "/redemptions", data=data, headers={"Content-Type": said})
        till.check(response, 415, "unsupported_media_type")
    response = till("POST", "/redemptions", data=data, headers={"Content-Encoding": "gzip"})
    till.check(response, 415, "unsupported_media_type")


def test_json_may_name_its_charset(till, member):
    data = json.dumps({"account": member["id"], "points": 10}).encode()
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    assert till("POST", "/redemptions", data=data, headers=headers).status_code == 201


def test_an_empty_body_needs_no_content_type(till, member):
    assert till("POST", f"/accounts/{member['id']}/close").status_code == 200
    assert till.refuses(422, "invalid_fields", "POST", "/redemptions")["errors"]


def test_text_is_text(till, body):
    for field in ("store", "till", "unit", "quote"):
        for text in NO_TEXT:
            sent = {**body, field: text}
            refusal = till.refuses(422, "invalid_fields", "POST", "/redemptions", sent)
            assert list(refusal["errors"]) == [field], text


def test_a_field_that_does_not_exist_is_refused_everywhere(till, body):
    account = body["account"]
    for method, path, sent, name in [
        ("POST", "/redemptions", {**body, "poinst": 1}, "poinst"),
        ("POST", "/accounts", {"surname": "x"}, "surname"),
        ("POST", "/accounts", {"customer": {"mobile": "1", "age": 7}}, "customer.age"),
        ("PATCH", f"/accounts/{account}", {"status": "closed"}, "status"),
        ("POST", f"/accounts/{account}/close", {"why": "x"}, "why"),
        ("POST", f"/accounts/{account}/adjustments", {"points": 1, "reason": "x", "y": 1}, "y"),
    ]:
        refusal = till.refuses(422, "invalid_fields", method, path, sent)
        assert name in refusal["errors"]


def test_nested_fields_are_named_by_their_path(till, body):
    sent = {**body, "order": {"id": "R", "value": "5"}}
    refusal = till.refuses(422, "invalid_fields", "POST", "/redemptions", sent)
    assert set(refusal["errors"]) == {"order.value", "order.currency"}


def test_metadata_is_an_object_of_at_most_8_kb(till, body):
    for metadata in NO_METADATA:
        sent = {**body, "metadata": metadata}
        refusal = till.refuses(422, "invalid_fields", "POST", "/redemptions", sent)
        assert list(refusal["errors"]) == ["metadata"]
    data = b'{"account": "%b", "points": 1, "metadata": {"a": 1e999}}' % body["account"].encode()
    till.check(till("POST", "/redemptions", data=data), 422, "invalid_fields")


def test_metadata_is_kept_as_it_came(till, member):
    metadata = {"ключ": "значение 🎁", "n": 1, "f": 1.5, "deep": [{"a": None}], "": "\u0000"}
    till.post("/redemptions", {"account": member["id"], "points": 10, "metadata": metadata})
    line = till.get(f"/accounts/{member['id']}/transactions", limit=1)["data"][0]
    assert line["metadata"] == metadata


def test_times_are_rfc_3339_with_a_zone(till):
    for when in NO_TIMES:
        refusal = till.refuses(422, "invalid_fields", "POST", "/accounts", {"enrolled_at": when})
        assert list(refusal["errors"]) == ["enrolled_at"], when


def test_days_are_days(till, body):
    path = f"/accounts/{body['account']}/adjustments"
    for day in ("tomorrow", "2026-02-30", "20260301", 20260301, "2026-03-01T00:00:00Z", None):
        sent = {"points": 1, "reason": "x", "expires_on": day}
        refusal = till.refuses(422, "invalid_fields", "POST", path, sent)
        assert list(refusal["errors"]) == ["expires_on"]


def test_queries_are_as_strict(till, member):
    for query in ("at=now", "at=2026-01-01", "at=2026-01-01T00:00:00", "by=x", "x=1", "at=%01"):
        response = till("GET", f"/accounts/{member['id']}/balances?{query}")
        refusal = till.check(response, 422, "invalid_fields")
        assert list(refusal["errors"]) == [query.split("=")[0]]


def test_limit_is_1_to_100(till):
    for limit in NO_LIMITS:
        till.check(till("GET", f"/accounts?limit={limit}"), 422, "invalid_fields")


def test_a_cursor_that_was_not_given_out_is_refused(till, member):
    for path in (
        "/accounts",
        f"/accounts?customer={member['customer']}",
        f"/accounts/{member['id']}/transactions",
        f"/customers/{member['customer']}/events",
    ):
        for cursor in NO_CURSORS:
            response = till("GET", f"{path}{'&' if '?' in path else '?'}cursor={cursor}")
            assert response.status_code == 422, (path, cursor, response.text)
            assert "cursor" in response.json["errors"]


def test_a_plus_in_a_query_may_come_unescaped(till, member):
    response = till("GET", f"/accounts/{member['id']}/balances?at=2026-01-01T02:00:00+02:00")
    assert response.json["at"] == "2026-01-01T00:00:00Z"


def test_the_edges_of_the_calendar_are_times_too(till, member):
    for at in ("0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-12:00"):
        for of in (f"/accounts/{member['id']}", f"/customers/{member['customer']}"):
            assert till("GET", f"{of}/balances?at={at}").status_code == 200


def test_an_id_that_cannot_be_one_names_nothing(till):
    for of in ("accounts", "customers", "redemptions", "programs"):
        for id in NO_IDS:
            response = till("GET", f"/{of}/{id}")
            assert response.status_code in (400, 404)
            assert response.content_type == "application/problem+json"


def test_what_is_not_there_is_a_problem_too(till):
    for method, path, status in [
        ("GET", "/nowhere", 404),
        ("DELETE", "/accounts", 405),
        ("PUT", "/redemptions", 405),
        ("POST", "/programs", 405),
        ("GET", "/redemptions", 405),
        ("GET", "/accounts/", 404),
        ("POST", "/nowhere", 404),
    ]:
        response = till(method, path)
        assert response.status_code == status
        assert response.content_type == "application/problem+json"
        assert response.json["status"] == status
        assert response.json["code"]


def test_naming_an_account_in_no_way_or_in_two_is_refused(till, member, body):
    for naming in [{}, {"account": member["id"], "customer": member["customer"]}]:
        sent = {"points": 10, **naming}
        till.refuses(422, "invalid_fields", "POST", "/redemptions", sent)
