"""orders keep what they earned; usage limits, told events and tier changes"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from portal.orm import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sales_order") as batch:
        batch.add_column(sa.Column("account_id", sa.String(length=36), nullable=True))
        batch.add_column(sa.Column("counted", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("refunded", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("contents", sa.JSON(none_as_null=True), nullable=True))
        batch.create_foreign_key(
            op.f("fk_sales_order__account_id"), "account", ["account_id"], ["id"]
        )
        batch.create_index(
            op.f("ix_sales_order__account_id"), ["account_id", "placed_at"], unique=False
        )
    op.create_table(
        "earning_use",
        sa.Column("program_id", sa.String(length=36), nullable=False),
        sa.Column("rule_id", sa.String(length=36), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_earning_use__used")),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_earning_use__program_id")
        ),
        sa.PrimaryKeyConstraint("program_id", "rule_id", "subject", name=op.f("pk_earning_use")),
    )
    op.create_table(
        "told_event",
        sa.Column("program_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_told_event__account_id")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_told_event__program_id")
        ),
        sa.PrimaryKeyConstraint("program_id", "id", name=op.f("pk_told_event")),
    )
    op.create_index(op.f("ix_told_event__account_id"), "told_event", ["account_id"])
    op.create_table(
        "tier_change",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("previous", sa.String(length=36), nullable=True),
        sa.Column("tier", sa.String(length=36), nullable=True),
        sa.Column("threshold", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_tier_change__account_id")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_tier_change__event_id")),
        sa.PrimaryKeyConstraint("account_id", "number", name=op.f("pk_tier_change")),
    )
    _attribute_orders()


def _attribute_orders() -> None:
    """Say whose lifetime purchases the orders of before have raised, as far as the book tells."""
    connection = op.get_bind()
    for program_id, document in connection.execute(
        sa.text("SELECT id, document FROM program")
    ).all():
        money = _money(json.loads(document) if isinstance(document, str) else document)
        if money is None:
            continue
        # Whose entries tell of the order; else, the customer's only account
        # of the time, which a purchase too small for a point left no entry on.
        connection.execute(
            sa.text(
                "UPDATE sales_order SET counted = value, account_id = ("
                " SELECT entry.account_id FROM event"
                " JOIN entry ON entry.event_id = event.id"
                " JOIN account ON account.id = entry.account_id"
                " WHERE event.order_id = sales_order.id AND event.name = 'TransactionAdd'"
                " AND account.program_id = :program LIMIT 1)"
                " WHERE account_id IS NULL AND value > 0 AND currency = :money AND EXISTS ("
                " SELECT 1 FROM event JOIN entry ON entry.event_id = event.id"
                " JOIN account ON account.id = entry.account_id"
                " WHERE event.order_id = sales_order.id AND event.name = 'TransactionAdd'"
                " AND account.program_id = :program)"
            ),
            {"program": program_id, "money": money},
        )
        connection.execute(
            sa.text(
                "UPDATE sales_order SET counted = value, account_id = ("
                " SELECT min(account.id) FROM account"
                " WHERE account.customer_id = sales_order.customer_id"
                " AND account.program_id = :program AND account.status <> 'merged'"
                " AND account.created_at <= sales_order.created_at)"
                " WHERE account_id IS NULL AND value > 0 AND currency = :money AND 1 = ("
                " SELECT count(*) FROM account"
                " WHERE account.customer_id = sales_order.customer_id"
                " AND account.status IN ('active', 'frozen')"
                " AND account.created_at <= sales_order.created_at)"
                " AND 1 = (SELECT count(*) FROM account"
                " WHERE account.customer_id = sales_order.customer_id"
                " AND account.program_id = :program AND account.status <> 'merged'"
                " AND account.created_at <= sales_order.created_at)"
            ),
            {"program": program_id, "money": money},
        )


def _money(document: dict[str, Any]) -> str | None:
    """The currency that a program of before counted purchases in."""
    if document.get("rate"):
        return str(document["rate"]["currency"])
    for rule in document["earning"]:
        if rule["kind"] == "spend":
            return str(rule["currency"])
    return None


def downgrade() -> None:
    op.drop_table("tier_change")
    op.drop_index(op.f("ix_told_event__account_id"), table_name="told_event")
    op.drop_table("told_event")
    op.drop_table("earning_use")
    with op.batch_alter_table("sales_order") as batch:
        batch.drop_index(op.f("ix_sales_order__account_id"))
        batch.drop_constraint(op.f("fk_sales_order__account_id"), type_="foreignkey")
        batch.drop_column("contents")
        batch.drop_column("refunded")
        batch.drop_column("counted")
        batch.drop_column("account_id")
