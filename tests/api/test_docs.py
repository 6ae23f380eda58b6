"""The description: a document for programs, and a page for people."""

import re

from bs4 import BeautifulSoup

from portal.web.api.endpoint import operations


def test_the_document_has_every_operation_with_its_scope_and_its_key(app):
    document = app.test_client().get("/api/v1/openapi.json").json
    assert document["openapi"].startswith("3.1")
    described = {
        one["operationId"]: one for path in document["paths"].values() for one in path.values()
    }
    assert set(described) == {operation.name for operation in operations}
    for operation in operations:
        told = described[operation.name]
        assert all(f"`{scope}`" in told["description"] for scope in operation.scopes)
        headers = [one["name"] for one in told["parameters"] if one["in"] == "header"]
        assert headers == (["Idempotency-Key"] if operation.keyed else [])
        assert told["summary"].endswith(".")


def test_every_shape_that_is_named_is_there(app):
    text = app.test_client().get("/api/v1/openapi.json").text
    document = app.test_client().get("/api/v1/openapi.json").json
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert named <= set(document["components"]["schemas"])


def test_the_page_shows_every_operation_and_refusal_without_a_script(app):
    response = app.test_client().get("/api/docs")
    assert response.status_code == 200
    page = BeautifulSoup(response.text, "html.parser")
    assert not page.select("script, style, [style], [onclick]")
    ids = [element["id"] for element in page.select("[id]")]
    assert len(ids) == len(set(ids))
    assert {operation.name for operation in operations} <= set(ids)
    for link in page.select("a[href^='#']"):
        assert link["href"][1:] in ids
    assert "curl -X POST" in page.text
    assert "import requests" in page.text
    assert "till.post" in page.text
    for code in ("insufficient_points", "idempotency_key_reused", "scope_missing"):
        assert code in ids


def test_a_refusal_points_to_where_it_is_explained(app, till):
    refusal = till.refuses(404, "redemption_not_found", "GET", "/redemptions/red_0")
    path, _, anchor = refusal["type"].partition("#")
    page = BeautifulSoup(app.test_client().get(path).text, "html.parser")
    assert page.find(id=anchor)
