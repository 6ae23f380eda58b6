"""Rewards: the catalogue, as a member sees it or as anyone does."""

from typing import Any

from portal import checkout, members, programs, rewards
from portal.ledger import AccountView
from portal.programs import Program
from portal.web.api import answers, reward_answers, reward_schemas, reward_shapes
from portal.web.api.auth import store_of
from portal.web.api.endpoint import Answer, Call, route
from portal.web.api.views import naming
from portal.web.api.views.accounts import region

REWARD_ID = r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}"


@route(
    "GET",
    "/rewards",
    scopes=["read", "voucher"],
    tag="Rewards",
    takes=reward_schemas.RewardsQuery(),
    answer=reward_shapes.RewardList,
)
def list_rewards(call: Call) -> Answer:
    """List the catalogue.

    Name an account, and each reward says whether it can be had now, how many
    points are missing, and every other reason why not: what can be had now
    comes first, then what is nearly theirs.
    """
    query = call.fields
    account, hint = _account(call, query.get("program"))
    program = programs.find(call.session, account.program_id if account else query.get("program"))
    offers = checkout.offers_to(
        call.session,
        account,
        program,
        store=store_of(call.caller, query.get("store")),
        category=query.get("category"),
        kind=rewards.Kind(query["kind"]) if "kind" in query else None,
        at=call.at,
    )
    data = [reward_answers.reward(offer, program, named=account is not None) for offer in offers]
    return Answer(content={"data": data, "next_cursor": None} | hint)


@route(
    "GET",
    "/rewards/<id>",
    scopes=["read", "voucher"],
    tag="Rewards",
    takes=reward_schemas.RewardQuery(),
    answer=reward_shapes.RewardShape,
    ids={"id": REWARD_ID},
)
def read_reward(call: Call, id: str) -> Answer:
    """Read a reward, as the named account sees it now."""
    query = call.fields
    found = rewards.reward(call.session, id)
    account, hint = _account(call, query.get("program", found.program_id))
    program = programs.find(call.session, found.program_id)
    offer = checkout.offer_to(
        call.session,
        account,
        id,
        program,
        store=store_of(call.caller, query.get("store")),
        at=call.at,
    )
    content = reward_answers.reward(offer, program, named=account is not None)
    return Answer(content=content | hint)


def given(query: dict[str, Any]) -> dict[str, Any]:
    """What a query names, as a body would."""
    if "identifier_type" not in query:
        return query
    identifier = {"type": query["identifier_type"], "value": query["identifier_value"]}
    return query | {"identifier": identifier}


def _account(call: Call, program_id: str | None) -> tuple[AccountView | None, answers.Content]:
    """Whose view it is, and what to say where their record was merged; None for anyone's."""
    if not any(name in call.fields for name in reward_schemas.NamingQuery.ways):
        return None, {}
    program: Program | None = None
    if "account" not in call.fields or "program" in call.fields:
        program = programs.find(call.session, program_id)
    resolved = members.resolve(
        call.session,
        reference=naming.reference(given(call.fields)),
        program=program,
        region=region(),
    )
    return resolved.account, answers.hint(resolved.merged_from)
