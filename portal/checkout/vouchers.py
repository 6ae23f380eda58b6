"""Rewards at the till: a voucher with the member's consent, and what fits an order.

A voucher takes points, so that the program asks for the same consent as for a
redemption of as many (``approval``, ``approval_above``). Who holds its code
holds the voucher: codes are told only where no more consent is asked for.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal import codes, ledger, members, orders, programs, rewards
from portal.checkout import approving
from portal.checkout.approving import Approval, CodeLook
from portal.checkout.holders import look_at
from portal.checkout.sending import CodeSending, send
from portal.checkout.wording import voucher_code_text
from portal.ledger import AccountView, Position
from portal.outbox import Cipher
from portal.programs import Money, Program
from portal.programs.program import Approval as Kind
from portal.rewards import Fitting, Offer, VoucherView

PURPOSE = "reward"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherWish:
    """A reward that is asked for at a till.

    ``by_contact`` says that the member was named by phone or e-mail only.
    """

    reward_id: str
    store: str | None = None
    till: str | None = None
    by_contact: bool = False
    approval: Approval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherCodeLook(CodeLook):
    """A counted look at a code that was sent for a voucher, and the price it agrees to."""

    price: int


def issue_voucher(
    session: Session,
    *,
    account_id: str,
    wish: VoucherWish,
    actor: str,
    at: datetime,
    request_id: str | None = None,
    cipher: Cipher | None = None,
) -> VoucherView:
    """Turn points into a voucher at a till, as :func:`portal.rewards.issue`.

    Raises:
        PortalError: all that ``issue`` refuses.
        RewardPriceChanged: the member's code was for another price.
        ApprovalNeeded, WrongApproval, CodeRefused, MemberCodeRefused: not
            without the member's consent.
    """
    look = look_at(session, [account_id], lock=True)[account_id]
    program = programs.find(session, look.program_id)
    agreed = wish.approval.one_time_code if wish.approval is not None else None
    if wish.store is not None:
        programs.stores.ensure(session, code=wish.store, till=wish.till, at=at)
    voucher = rewards.issue(
        session,
        account_id=account_id,
        reward_id=wish.reward_id,
        # The code was told for a price; a reward may have got another since it was looked at.
        price=agreed.price if isinstance(agreed, VoucherCodeLook) else None,
        tier=tier_of(session, account_id, program, at=at),
        store=wish.store,
        till=wish.till,
        actor=actor,
        request_id=request_id,
        cipher=cipher,
        at=at,
    )
    # After it: codes are locked last, and consent is asked for what the reward costs now.
    kind = approving.needed(
        program,
        points=voucher.points,
        by_contact=wish.by_contact,
        present=approving.present(
            session,
            wish.approval,
            customer_id=look.customer_id,
            household_id=look.household_id,
        ),
    )
    approving.settle(
        session,
        [kind],
        wish.approval,
        quote_id=_subject(account_id, wish.reward_id),
        at=at,
    )
    return voucher


def send_voucher_code(
    session: Session,
    *,
    account_id: str,
    wish: VoucherWish,
    sending: CodeSending,
    at: datetime,
) -> bool | None:
    """Send the member a code that lets one voucher be issued, where one is asked for.

    The code is for this account, this reward and its present price. Run it in
    :func:`portal.orm.recording`: the write that asks for it is refused.

    Returns:
        Whether it is on its way; None where no such code is asked for.

    Raises:
        PortalError: why the reward cannot be had anyway.
    """
    account = ledger.find_account(session, account_id)
    program = programs.find(session, account.program_id)
    offer = offer_to(session, account, wish.reward_id, program, store=wish.store, at=at)
    if offer.refusals:
        raise offer.refusals[0]
    reward = offer.reward
    kind = approving.needed(
        program,
        points=reward.price,
        by_contact=wish.by_contact,
        present=approving.present(
            session,
            wish.approval,
            customer_id=account.customer_id,
            household_id=account.household_id,
        ),
    )
    approver_id = account.customer_id
    if account.household_id is not None:
        approver_id = members.households.primary_of(session, household_id=account.household_id)
    if kind is not Kind.ONE_TIME_CODE or approver_id is None:
        return None
    return send(
        session,
        customer_id=approver_id,
        purpose=PURPOSE,
        subject=_subject(account_id, reward.id),
        context=_context(account_id, reward),
        wording=lambda code: voucher_code_text(code, program=program, reward=reward),
        sending=sending,
        at=at,
    )


def look_voucher_code(
    session: Session, *, account_id: str, reward_id: str, code: str, at: datetime, pepper: bytes
) -> VoucherCodeLook:
    """Count a try of the code that was sent for a voucher. Run it in ``recording``.

    Raises:
        RewardNotFound, CodeMalformed: nothing was counted.
    """
    subject = _subject(account_id, reward_id)
    reward = rewards.reward(session, reward_id)
    found = codes.look(
        session,
        purpose=PURPOSE,
        subject=subject,
        context=_context(account_id, reward),
        code=code,
        at=at,
        pepper=pepper,
    )
    return VoucherCodeLook(quote_id=subject, look=found, price=reward.price)


def _subject(account_id: str, reward_id: str) -> str:
    return f"{account_id}:{reward_id}"


def _context(account_id: str, reward: rewards.Reward) -> dict[str, str]:
    return {"account": account_id, "reward": reward.id, "price": str(reward.price)}


def tier_of(session: Session, account_id: str, program: Program, *, at: datetime) -> str | None:
    """The tier that counts for rewards; no statement where the program has none."""
    if not program.tiers:
        return None
    tier = orders.tiers.of(session, account_id=account_id, program=program, at=at).tier
    return tier.id if tier else None


def offers_to(
    session: Session,
    account: AccountView | None,
    program: Program,
    *,
    at: datetime,
    **filters: Any,
) -> Collection[Offer]:
    """The catalogue as a member sees it now, or as anyone does where no account is given.

    Args:
        filters: ``store``, ``category`` and ``kind``, as
            :func:`portal.rewards.catalogue` takes them.
    """
    return rewards.catalogue(
        session,
        program=program,
        account=account,
        tier=None if account is None else tier_of(session, account.id, program, at=at),
        at=at,
        **filters,
    )


def offer_to(
    session: Session,
    account: AccountView | None,
    reward_id: str,
    program: Program,
    *,
    at: datetime,
    store: str | None = None,
) -> Offer:
    """One reward, likewise.

    Raises:
        RewardNotFound: there is none by this id.
    """
    return rewards.offer(
        session,
        reward_id=reward_id,
        program=program,
        account=account,
        tier=None if account is None else tier_of(session, account.id, program, at=at),
        store=store,
        at=at,
    )


def fitting(
    session: Session,
    position: Position,
    program: Program,
    *,
    order: Money,
    store: str | None,
    at: datetime,
) -> Fitting:
    """What an order can take: open vouchers of one account, and rewards to be had."""
    account = position.account
    return rewards.fitting(
        session,
        program=program,
        account=account,
        order=order,
        balance=position.balance,
        tier=tier_of(session, account.id, program, at=at),
        store=store,
        at=at,
    )


def tells_code(
    program: Program, voucher: VoucherView, *, by_contact: bool, present: bool = False
) -> bool:
    """Whether a till may be told the code of a voucher that it did not name by it.

    Whoever has the code has the reward: it takes the consent that its points would.
    """
    return (
        approving.needed(program, points=voucher.points, by_contact=by_contact, present=present)
        is Kind.NONE
    )
