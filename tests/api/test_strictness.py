"""Bad input, of every kind: a clear refusal that names the field, never a 500."""

import json

import pytest


@pytest.fixture
def balance(till, member):
    yield lambda: till.get(f"/accounts/{member['id']}")["balance"]
    assert till.get(f"/accounts/{member['id']}")["balance"] == 1000, "a refusal moved points"


@pytest.mark.parametrize(
    "points",
    ["1000.0", '"100"', "true", "null", "1e3", "[]", "{}", "0", "-1", "1.5", "9223372036854775808"]
    + ["1" * 400, "9" * 5000, "-" + "9" * 5000, "1e999", '"' + "1" * 9 + '"'],
)
def test_whole_numbers_are_whole(till, member, balance, points):
    data = b'{"account": "%b", "points": %b}' % (member["id"].encode(), points.encode())
    refusal = till.check(till("POST", "/redemptions", data=data), 422, "invalid_fields")
    assert "points" in refusal["errors"]


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"nonsense",
        b'{"points": NaN}',
        b'{"points": Infinity}',
        b'{"points": 1, "points": 2}',
        b'{"points": 1}}',
        b"\xff\xfe{}",
        b'{"store": "\xc3\x28"}',
        b'{"store": "\\ud800"}',
        b"[" * 100_000,
        b"[" * 20_000 + b"]" * 20_000,
        b'{"metadata": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}",
        b"\xef\xbb\xbf{}",
        b"{'points': 1}",
        b"//",
    ],
)
def test_what_is_no_json_is_400(till, data):
    response = till("POST", "/redemptions", data=data)
    if len(data) > 65_536:
        till.check(response, 413, "body_too_large")
    else:
        till.check(response, 400, "unparsable_json")


@pytest.mark.parametrize("data", [b"[]", b'"text"', b"1", b"null", b"true"])
def test_json_that_is_no_object_is_422(till, data):
    till.check(till("POST", "/redemptions", data=data), 422, "invalid_fields")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "",
     "application/json; charset=latin-1"],
)
def test_what_does_not_say_json_is_415(till, member, content_type):
    response = till(
        "POST",
        "/redemptions",
        data=json.dumps({"account": member["id"], "points": 10}).encode(),
        headers={"Content-Type": content_type},
    )
    till.check(response, 415, "unsupported_media_type")


def test_json_may_name_its_charset(till, member):
    body = json.dumps({"account": member["id"], "points": 10}).encode()
    headers = {"Content-Type": "application/json; charset=UTF-8"}
    assert till("POST", "/redemptions", data=body, headers=headers).status_code == 201


def test_an_empty_body_needs_no_content_type(till, member):
    assert till("POST", f"/accounts/{member['id']}/close").status_code == 200
    refusal = till.refuses(422, "invalid_fields", "POST", "/redemptions")
    assert refusal["errors"]


@pytest.mark.parametrize("field", ["store", "till", "unit", "quote"])
@pytest.mark.parametrize("text", ["", " ", "a\x00b", "a\nb", "\x7f", "x" * 300, 7, None, [], True])
def test_text_is_text(till, member, balance, field, text):
    body = {"account": member["id"], "points": 10, field: text}
    refusal = till.refuses(422, "invalid_fields", "POST", "/redemptions", body)
    assert list(refusal["errors"]) == [field]


def test_a_field_that_does_not_exist_is_refused_everywhere(till, member, balance):
    for method, path, body in [
        ("POST", "/redemptions", {"account": member["id"], "points": 10, "poinst": 1}),
        ("POST", "/accounts", {"surname": "x"}),
        ("PATCH", f"/accounts/{member['id']}", {"status": "closed"}),
        ("POST", f"/accounts/{member['id']}/close", {"why": "x"}),
        ("POST", f"/accounts/{member['id']}/adjustments", {"points": 1, "reason": "x", "y": 1}),
    ]:
        refusal = till.refuses(422, "invalid_fields", method, path, body)
        assert set(refusal["errors"]) & {"poinst", "surname", "status", "why", "y"}


def test_nested_fields_are_named_by_their_path(till, member, balance):
    body = {"account": member["id"], "points": 10, "order": {"id": "R", "value": "5"}}
    refusal = till.refuses(422, "invalid_fields", "POST", "/redemptions", body)
    assert set(refusal["errors"]) == {"order.value", "order.currency"}


@pytest.mark.parametrize(
    "metadata",
    [[], "x", 1, None, {"a": "x" * 9_000}, {"a": float("1e300")} | {"b": ["x"] * 8_000}],
)
def test_metadata_is_an_object_of_at_most_8_kb(till, member, balance, metadata):
    body = {"account": member["id"], "points": 10, "metadata": metadata}
    refusal = till.refuses(422, "invalid_fields", "POST", "/redemptions", body)
    assert "metadata" in refusal["errors"]


def test_metadata_is_kept_as_it_came(till, member):
    metadata = {"ключ": "значение 🎁", "n": 1, "f": 1.5, "deep": [{"a": None, "b": True}], "": "\u0000"}
    till.post("/redemptions", {"account": member["id"], "points": 10, "metadata": metadata})
    line = till.get(f"/accounts/{member['id']}/transactions", limit=1)["data"][0]
    assert line["metadata"] == metadata


@pytest.mark.parametrize(
    "when",
    ["2026-01-01", "2026-01-01T00:00:00", "yesterday", "2026-13-01T00:00:00Z", 1767225600, "",
     "2026-01-01T00:00:00+25:00", "2026-02-30T00:00:00Z", "2026-01-01T24:01:00Z", "٢٠٢٦-01-01T00:00:00Z"],
)
def test_times_are_rfc_3339_with_a_zone(till, when):
    refusal = till.refuses(422, "invalid_fields", "POST", "/accounts", {"enrolled_at": when})
    assert list(refusal["errors"]) == ["enrolled_at"]


@pytest.mark.parametrize("query", ["at=now", "at=2026-01-01", "at=2026-01-01T00:00:00", "by=x", "x=1"])
def test_queries_are_as_strict(till, member, query):
    response = till("GET", f"/accounts/{member['id']}/balances?{query}")
    refusal = till.check(response, 422, "invalid_fields")
    assert list(refusal["errors"]) == [query.split("=")[0]]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "x", "", "9" * 5000, "٣", "1&limit=2"])
def test_limit_is_1_to_100(till, limit):
    till.check(till("GET", f"/accounts?limit={limit}"), 422, "invalid_fields")


@pytest.mark.parametrize("cursor", ["x", "%00", "AAAA", "zzzz====", "MDAwfGxveV8x", "%ff", "x" * 600])
@pytest.mark.parametrize("path", ["/accounts", "/accounts/{}/transactions", "/customers/{}/events"])
def test_a_cursor_that_was_not_given_out_is_refused(till, member, path, cursor):
    id = member["customer"] if "customers" in path else member["id"]
    response = till("GET", f"{path.format(id)}?cursor={cursor}")
    assert response.status_code == 422, response.text
    assert "cursor" in response.json["errors"]


def test_a_plus_in_a_query_may_come_unescaped(till, member):
    at = till.get(f"/accounts/{member['id']}/balances?at=2026-01-01T02:00:00+02:00")["at"]
    assert at == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-12:00"])
def test_the_edges_of_the_calendar_are_times_too(till, member, at):
    assert till("GET", f"/accounts/{member['id']}/balances?at={at}").status_code == 200


@pytest.mark.parametrize("id", ["%00", "loy_", "loy_%00", "x", "loy_" + "1" * 4000, "%ff", "LOY_1", "loy_1%20"])
def test_an_id_that_cannot_be_one_names_nothing(till, id):
    response = till("GET", f"/accounts/{id}")
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("DELETE", "/accounts", 405), ("PUT", "/redemptions", 405),
     ("POST", "/programs", 405), ("GET", "/redemptions", 405), ("GET", "/accounts/", 404)],
)
def test_what_is_not_there_is_a_problem_too(till, method, path, status):
    response = till(method, path)
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.json["status"] == status
    assert response.json["code"]


def test_naming_an_account_in_no_way_or_in_two_is_refused(till, member, balance):
    for naming in [{}, {"account": member["id"], "customer": member["customer"]}]:
        till.refuses(422, "invalid_fields", "POST", "/redemptions", {"points": 10, **naming})


def test_a_great_body_is_413(till):
    till.check(till("POST", "/redemptions", data=b" " * 70_000), 413, "body_too_large")
