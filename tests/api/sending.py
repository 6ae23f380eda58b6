"""Sending points over the endpoint, step by step, for the tests of it."""

from tests.api.reading import last_code

ANA, RUI = "+351912345678", "+351919999989"
"""Where the codes of both go."""

TRANSFERS = {
    "enabled": True,
    "min": 10,
    "max": 600,
    "multiple_of": 5,
    "per_day": 700,
    "per_month": 700,
}


def wish(sender, recipient, points=100, **more):
    return {"from": {"account": sender["id"]}, "to": {"account": recipient["id"]}} | {
        "points": points,
        **more,
    }


def check(till, body):
    return till.post("/transfers/check", body, status=200)


def asked(till, body):
    """The request that a check with a code makes; it must be possible."""
    told = check(till, {**body, "issue_code": True})
    assert told["transferable"], told
    return told


def send(till, app, sender, recipient, points=100, **more):
    """A whole transfer; gives its receipt."""
    told = asked(till, wish(sender, recipient, points, **more))
    return till.post("/transfers", confirmed(app, told))


def confirmed(app, told, to=None):
    return {"transfer_request": told["transfer_request"], "code": last_code(app, to)}


def wrong(code):
    return f"{(int(code) + 1) % 1_000_000:06d}"


def balance(till, account):
    return till.get(f"/accounts/{account['id']}")["balance"]


def by(account):
    """Who does it, where a household sends."""
    return {"transferred_by": {"account": account["id"]}}
