"""How answers about quotes, orders, refunds and events are made."""

from collections.abc import Iterable, Mapping, Sequence

from portal.checkout import Gain, OrderState, Quote, Refund, Source, Warning
from portal.orders import Happened
from portal.web.api.answers import Content, redemption, refusal, warning
from portal.web.api.reward_answers import fitting_rewards, fitting_vouchers
from portal.web.api.wire import instant


def gain(shown: Gain) -> Content:
    """What is earned in one program."""
    return {
        "program": shown.program_id,
        "account": shown.account_id,
        "points": shown.points,
        "promised": shown.promised,
        "available_at": instant(shown.available_at),
        "trigger": shown.trigger,
        "expires_at": instant(shown.expires_at),
        "explanation": shown.explanation,
    }


def warnings(told: Iterable[Warning]) -> list[Content]:
    """What stopped nothing."""
    return [warning(one.code, one.detail, one.legacy_code) for one in told]


def quote(view: Quote, *, tell_codes: bool) -> Content:
    """What an order may cost and bring.

    Args:
        tell_codes: False leaves out the codes of vouchers, whatever the program lets be told.
    """
    return {
        "id": view.id,
        "spendable": view.spendable,
        "max_points": view.max_points,
        "min_points": view.min_points,
        "multiple_of": view.multiple_of,
        "max_value": view.max_value,
        "would_earn": view.would_earn.points if view.would_earn else 0,
        "earning": [gain(view.would_earn)] if view.would_earn else [],
        "approval": view.approval,
        "refusals": [refusal(error) for error in view.refusals],
        "sources": [_source(source) for source in view.sources],
        "rewards": [one for source in view.sources for one in fitting_rewards(source)],
        "vouchers": [
            one
            for source in view.sources
            for one in fitting_vouchers(source, tell_codes=tell_codes)
        ],
        "expires_at": instant(view.expires_at),
        "warnings": warnings(view.warnings),
    }


def _source(view: Source) -> Content:
    return {
        "account": view.account_id,
        "program": view.program.id,
        "spendable": view.spendable,
        "max_points": view.max_points,
        "min_points": view.min_points,
        "multiple_of": view.multiple_of,
        "max_value": view.max_value,
        "approval": view.approval,
        "refusals": [refusal(error) for error in view.refusals],
    }


def order(view: OrderState, accounts: Sequence[Content]) -> Content:
    """An order as it stands."""
    return {
        "id": view.id,
        "number": view.number,
        "store": view.store,
        "till": view.till,
        "status": view.status,
        "customer": view.customer_id,
        "value": view.value,
        "currency": view.currency,
        "amount_due": view.amount_due,
        "refunded": view.refunded,
        "redemptions": [redemption(one) for one in view.redemptions],
        "earned": [gain(one) for one in view.earned],
        "accounts": list(accounts),
        "placed_at": instant(view.placed_at),
        "created_at": instant(view.created_at),
        "expires_at": instant(view.held_until),
        "metadata": view.metadata,
        "warnings": warnings(view.warnings),
    }


def refund(view: Refund) -> Content:
    """What a refund took back and gave back."""
    return {
        "id": view.id,
        "order": view.order_id,
        "value": view.value,
        "currency": view.currency,
        "points_taken_back": view.points_taken_back,
        "points_given_back": view.points_given_back,
        "value_given_back": view.value_given_back,
        "amount_returned": view.amount_returned,
        "refunded": view.refunded,
        "parts": [
            {
                "account": part.account_id,
                "program": part.program_id,
                "points_taken_back": part.points_taken_back,
                "points_given_back": part.points_given_back,
            }
            for part in view.parts
        ],
        "created_at": instant(view.created_at),
    }


def happened(view: Happened, *, program: str, sentences: Mapping[str, str]) -> Content:
    """What an event brought; ``sentences`` say what each warning means."""
    return {
        "id": view.id,
        "name": view.name,
        "account": view.account_id,
        "earned": [
            {
                "program": program,
                "account": rewarded.account_id,
                "points": rewarded.points,
                "promised": rewarded.available_from is not None,
                "available_at": instant(rewarded.available_from),
                "trigger": None,
                "expires_at": instant(rewarded.expires_at),
                "explanation": rewarded.explanation,
            }
            for rewarded in view.rewarded
        ],
        "released": view.released,
        "warnings": [warning(code, sentences[code]) for code in view.warnings],
    }
