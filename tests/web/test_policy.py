"""Every route says who may call it, and everyone else is turned away."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.routing import Rule

from portal import clock, ledger, orm, programs, rewards
from portal.access.models import MemberSession
from portal.members import households
from portal.transfers.models import TransferRequest
from portal.web.member import recipients
from portal.web.policy import Audience, Policy, allow, anyone, policy_of

OPEN = {
    "static",
    "healthz",
    "readyz",
    "metrics",
    "dev.messages",
    "dev.messages_json",
    "api.docs",
    "api.openapi",
    "member.welcome",
    "member.sign_in",
    "member.send_code",
    "member.code",
    "member.confirm",
    "member.send_again",
    "member.wait",
    "member.sign_out",
    "member.choose_program_to_join",
    "member.join",
    "member.begin_to_join",
    "member.picture",
    "member.theme_stylesheet",
    "member.choose_theme",
}
"""What the whole world may call; a new route is not among them by accident."""


def rules(app: Flask, audience: Audience) -> Iterator[tuple[Rule, str]]:
    """The routes for ``audience``, each with a method of its own."""
    for rule in app.url_map.iter_rules():
        policy = policy_of(app.view_functions[rule.endpoint])
        if policy is not None and policy.audience is audience:
            for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
                yield rule, method


def address(rule: Rule, **known: str) -> str:
    """A path of ``rule`` with ids that name nothing, but for those that are known."""
    path = rule.rule
    for name in rule.arguments:
        kind = next(
            part for part in (f"<{name}>", f"<string:{name}>", f"<path:{name}>") if part in path
        )
        path = path.replace(kind, known.get(name, "nothing"))
    return path


def test_every_route_declares_who_may_call_it(app):
    silent = [
        rule.endpoint
        for rule in app.url_map.iter_rules()
        if policy_of(app.view_functions[rule.endpoint]) is None
    ]
    assert silent == []


def test_open_routes_are_the_ones_we_know(app):
    assert {rule.endpoint for rule, _ in rules(app, Audience.ANYONE)} <= OPEN


def test_route_that_says_nothing_answers_nobody(app):
    app.add_url_rule("/forgotten", view_func=lambda: "secrets", endpoint="forgotten")
    answer = app.test_client().get("/forgotten")
    assert answer.status_code == 500
    assert b"secrets" not in answer.data


def test_nobody_is_sent_to_sign_in_by_every_route_of_members(app, visitor):
    token = visitor.get("/sign-in").form("/sign-in")["csrf_token"]
    walked = 0
    for rule, method in rules(app, Audience.MEMBER):
        path = address(rule)
        answer = visitor.client.open(path, method=method, data={"csrf_token": token})
        assert answer.status_code == 303, f"{method} {path}"
        assert answer.location.startswith("/sign-in"), path
        part = visitor.client.open(
            path, method=method, data={"csrf_token": token}, headers={"HX-Request": "true"}
        )
        assert part.status_code == 401, path
        assert part.headers["HX-Redirect"].startswith("/sign-in"), path
        walked += 1
    assert walked >= 8


def test_another_member_sees_nothing_of_it(app, member, make_member, database, send_at_once):
    friend = make_member("Friend", "+447400000003")
    transfer_id = send_at_once(member, friend)
    at = clock.now()
    with orm.writing(database) as unit:
        household = households.create_household(
            unit,
            name="Household of Ana",
            primary_id=member.customer_id,
            program=programs.find(unit, "corner"),
            at=at,
        )
        households.invite(
            unit,
            household_id=household.id,
            customer_id=friend.customer_id,
            by=member.customer_id,
            at=at,
        )
    with app.test_request_context():
        person = recipients.person(household.id, friend.customer_id)
    theirs = {
        "household_id": household.id,
        "person": person,
        "transfer_id": transfer_id,
        "request_id": database.scalars(select(TransferRequest.id)).one(),
        "session_id": database.scalars(
            select(MemberSession.id).where(MemberSession.customer_id == member.customer_id)
        ).one(),
        "entry_id": ledger.history(database, account_id=member.accounts["corner"], at=clock.now())
        .lines[0]
        .entry.id,
    }
    # A reward of a program that Bo is not in, and a voucher of one that he is in.
    for reward_id, program_id in (("soup", "bistro"), ("mug", "corner")):
        document = {"id": reward_id, "program": program_id, "name": "It", "price": 20}
        with orm.writing(database):
            rewards.apply(
                database, document=document | {"kind": "gift"}, actor="test", at=clock.now()
            )
    with orm.writing(database):
        voucher = rewards.issue(
            database,
            account_id=member.accounts["corner"],
            reward_id="mug",
            actor="test",
            at=clock.now(),
        )
    theirs |= {"reward_id": "soup", "voucher_id": voucher.id}
    assert all(theirs.values())
    bo = make_member("Bo", "+447400000002")
    token = bo.get("/account").form("/sign-out")["csrf_token"]
    for rule, method in rules(app, Audience.MEMBER):
        unknown = rule.arguments - set(theirs)
        assert not unknown, f"say whose {unknown} of {rule.rule} is, so that this test can ask"
        answer = bo.client.open(address(rule, **theirs), method=method, data={"csrf_token": token})
        if rule.arguments:
            assert answer.status_code == 404, f"{method} {rule.rule}"
        seen = answer.get_data(as_text=True)
        for secret in (
            member.customer_id,
            *member.accounts.values(),
            "400000001",
            "400 000001",
            voucher.code,
            voucher.spoken_code,
            "Ana",
        ):
            assert secret not in seen, f"{method} {rule.rule} shows {secret}"


def test_routes_of_the_endpoint_refuse_whoever_has_no_key(app, member):
    walked = 0
    for rule, method in rules(app, Audience.KEY):
        # Signed in as a member, too: the endpoint never reads a cookie.
        answer = member.client.open(address(rule), method=method, json={})
        assert answer.status_code in (401, 404), f"{method} {rule.rule}"
        assert answer.content_type == "application/problem+json"
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")
        walked += 1
    assert walked >= 15


def test_policy_is_read_from_views_of_all_kinds():
    @allow(anyone)
    def view() -> str:
        return ""

    assert policy_of(view) == Policy(Audience.ANYONE)
    assert policy_of(lambda: "") is None


@pytest.mark.parametrize("path", ["/history/ptx_0", "/account", "/home"])
def test_personal_pages_are_not_kept(visitor, path):
    answer = visitor.client.get(path)
    assert answer.headers["Cache-Control"] == "no-store"
