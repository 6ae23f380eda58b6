"""rewards and vouchers

PostgreSQL builds the index of holds beside the tills' writes instead of
stopping them, outside of any transaction: all of that can be done again, where
it was interrupted. Holds that an older process still makes until it is
replaced name nobody whom their points go back to; settling mends those.

Going down forgets rewards and vouchers; points that are set aside for them stay so.
"""

import sqlalchemy as sa
from alembic import op

from portal.orm import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_HELD = sa.text("status = 'held'")
_ISSUED = sa.text("status = 'issued'")
_UNTOLD = sa.text("status = 'issued' AND reminded_at IS NULL")
_BEFORE, _AFTER = "ix_redemption__held", "ix_redemption__held_for"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            _add_columns(if_not_exists=True)
            _index_holds(_AFTER, ["held_for", "held_until"])
    else:
        _add_columns()
        op.create_index(_AFTER, "redemption", ["held_for", "held_until"], sqlite_where=_HELD)
    op.drop_index(_BEFORE, table_name="redemption")
    op.create_table(
        "reward",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("program_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("stock", sa.BigInteger(), nullable=True),
        sa.Column("taken", sa.BigInteger(), nullable=False),
        sa.Column("picture", sa.LargeBinary(length=32), nullable=True),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("applied_by", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('amount_off','share_off','free_item','gift','donation')",
            name=op.f("ck_reward__kind"),
        ),
        sa.CheckConstraint("price > 0", name=op.f("ck_reward__price")),
        sa.CheckConstraint("taken >= 0 AND stock >= 0", name=op.f("ck_reward__stock")),
        sa.ForeignKeyConstraint(["program_id"], ["program.id"], name=op.f("fk_reward__program_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reward")),
    )
    op.create_index("ix_reward__program_id", "reward", ["program_id", "position", "id"])
    op.create_table(
        "picture",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", sa.String(length=8), nullable=False),
        sa.Column("content_type", sa.String(length=32), nullable=False),
        sa.Column("width", sa.BigInteger(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "size", name=op.f("pk_picture")),
    )
    op.create_table(
        "voucher",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("reward_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("redemption_id", sa.String(length=36), nullable=False),
        sa.Column("entry_id", sa.String(length=48), nullable=False),
        sa.Column("status", sa.String(length=9), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=16), nullable=True),
        sa.Column("share", sa.String(length=16), nullable=True),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("on_lapse", sa.String(length=6), nullable=False),
        sa.Column("stores", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("reminded_at", UtcDateTime(), nullable=True),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("used_by", sa.String(length=64), nullable=True),
        sa.Column("store", sa.String(length=64), nullable=True),
        sa.Column("till", sa.String(length=64), nullable=True),
        sa.Column("order_number", sa.String(length=64), nullable=True),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.Column("cancelled_by", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "status IN ('issued','used','cancelled','lapsed')", name=op.f("ck_voucher__status")
        ),
        sa.CheckConstraint(
            "(status = 'used') = (used_at IS NOT NULL)", name=op.f("ck_voucher__used_at")
        ),
        sa.CheckConstraint(
            "(status = 'cancelled') = (cancelled_at IS NOT NULL)",
            name=op.f("ck_voucher__cancelled_at"),
        ),
        sa.CheckConstraint("points > 0", name=op.f("ck_voucher__points")),
        sa.ForeignKeyConstraint(["reward_id"], ["reward.id"], name=op.f("fk_voucher__reward_id")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_voucher__account_id")
        ),
        sa.ForeignKeyConstraint(
            ["redemption_id"], ["redemption.id"], name=op.f("fk_voucher__redemption_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher")),
        sa.UniqueConstraint("code", name=op.f("uq_voucher__code")),
        sa.UniqueConstraint("redemption_id", name=op.f("uq_voucher__redemption_id")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_voucher__entry_id")),
    )
    op.create_index("ix_voucher__account_id", "voucher", ["account_id", "issued_at", "id"])
    op.create_index("ix_voucher__reward_id", "voucher", ["reward_id", "account_id"])
    op.create_index(
        "ix_voucher__lapsing",
        "voucher",
        ["reward_id", "expires_at"],
        sqlite_where=_ISSUED,
        postgresql_where=_ISSUED,
    )
    op.create_index(
        "ix_voucher__untold",
        "voucher",
        ["expires_at"],
        sqlite_where=_UNTOLD,
        postgresql_where=_UNTOLD,
    )


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            _index_holds(_BEFORE, ["account_id", "held_until"])
    else:
        op.create_index(_BEFORE, "redemption", ["account_id", "held_until"], sqlite_where=_HELD)
    op.drop_table("voucher")
    op.drop_table("picture")
    op.drop_table("reward")
    op.drop_index(_AFTER, table_name="redemption")
    op.drop_column("redemption", "held_for")
    op.drop_column("redemption", "purpose")


def _add_columns(**options: bool) -> None:
    op.add_column(
        "redemption",
        sa.Column("purpose", sa.String(length=8), nullable=False, server_default="payment"),
        **options,
    )
    op.add_column("redemption", sa.Column("held_for", sa.String(length=36)), **options)
    op.execute("UPDATE redemption SET held_for = account_id WHERE status = 'held'")


def _index_holds(name: str, columns: list[str]) -> None:
    # A build that was interrupted leaves an invalid index behind.
    op.drop_index(name, "redemption", if_exists=True, postgresql_concurrently=True)
    op.create_index(
        name, "redemption", columns, postgresql_where=_HELD, postgresql_concurrently=True
    )
