"""How answers about rewards and vouchers are made."""

from portal.checkout import Source
from portal.programs import Money, Program
from portal.rewards import FittingReward, Offer, VoucherView, Worth
from portal.web.api.answers import Content, refusal
from portal.web.api.wire import instant


def money(amount: Money | None) -> Content | None:
    """An amount with its currency."""
    return None if amount is None else {"amount": amount.amount, "currency": amount.currency}


def _worth(worth: Worth) -> Content:
    value: int | str | None = worth.value.amount if worth.value is not None else None
    if worth.share is not None:
        value = f"{worth.share:f}"
    return {
        "kind": worth.kind.value,
        "value": value,
        "currency": worth.value.currency if worth.value is not None else None,
    }


def reward(offer: Offer, program: Program, *, named: bool) -> Content:
    """A reward, as one member sees it or as anyone does.

    Args:
        named: whether an account was named.
    """
    view = offer.reward
    return {
        "id": view.id,
        "program": view.program_id,
        "name": view.name,
        "description": view.description,
        **_worth(view.worth),
        "price": view.price,
        "unit": program.currency,
        "affordable": offer.affordable if named else None,
        "missing_points": offer.missing_points if named else None,
        "available": offer.available,
        "refusals": [refusal(error) for error in offer.refusals],
        "stock": view.stock,
        "left": offer.left,
        "per_member": view.per_member,
        "mine": offer.mine if named else None,
        "valid_from": view.valid_from.isoformat() if view.valid_from else None,
        "valid_to": view.valid_to.isoformat() if view.valid_to else None,
        "tiers": list(view.tiers),
        "stores": list(view.stores),
        "categories": list(view.categories),
        "position": view.position,
        "voucher_days": view.voucher_days,
        "on_lapse": view.on_lapse.value,
        "picture": f"/pictures/large/{view.picture}" if view.picture else None,
    }


def voucher(view: VoucherView, program: Program, *, tell_code: bool = True) -> Content:
    """A voucher as it stands.

    Args:
        tell_code: False leaves out the code, which is as good as the reward.
    """
    return {
        "id": view.id,
        "code": view.code if tell_code else None,
        "spoken_code": view.spoken_code if tell_code else None,
        "reward": view.reward_id,
        "name": view.reward_name,
        **_worth(view.worth),
        "program": view.program_id,
        "account": view.account_id,
        "points": view.points,
        "status": view.status.value,
        "stores": list(view.stores),
        "on_lapse": view.on_lapse.value,
        "issued_at": instant(view.issued_at),
        "expires_at": instant(view.expires_at),
        "expires_on": program.last_day(view.expires_at).isoformat() if view.expires_at else None,
        "used_at": instant(view.used_at),
        "store": view.store,
        "till": view.till,
        "order": view.order,
        "cancelled_at": instant(view.cancelled_at),
    }


def fitting_rewards(source: Source) -> list[Content]:
    """Rewards that a quoted order can take."""
    if source.fitting is None:
        return []
    return [_fitting_reward(one, source) for one in source.fitting.rewards]


def _fitting_reward(fit: FittingReward, source: Source) -> Content:
    view = fit.offer.reward
    return {
        "reward": view.id,
        "program": view.program_id,
        "account": source.account_id,
        "name": view.name,
        **_worth(view.worth),
        "price": view.price,
        "affordable": fit.offer.affordable,
        "missing_points": fit.offer.missing_points,
        "off": money(fit.off),
    }


def fitting_vouchers(source: Source, *, tell_codes: bool) -> list[Content]:
    """Open vouchers that a quoted order can take; codes only where the till may know them."""
    if source.fitting is None:
        return []
    return [
        voucher(one.voucher, source.program, tell_code=tell_codes and one.voucher.id in source.told)
        | {"off": money(one.off)}
        for one in source.fitting.vouchers
    ]
