"""transfers and the requests for them"""

import sqlalchemy as sa
from alembic import op

from portal.orm import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transfer_request",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("program_id", sa.String(length=36), nullable=False),
        sa.Column("from_account_id", sa.String(length=36), nullable=False),
        sa.Column("to_account_id", sa.String(length=36), nullable=False),
        sa.Column("by_customer_id", sa.String(length=36), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("context", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("code_sent_to", sa.String(length=255), nullable=True),
        sa.Column("code_sent_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("points > 0", name=op.f("ck_transfer_request__points")),
        sa.CheckConstraint(
            "from_account_id <> to_account_id", name=op.f("ck_transfer_request__two_accounts")
        ),
        sa.CheckConstraint(
            "used_at IS NULL OR cancelled_at IS NULL", name=op.f("ck_transfer_request__one_end")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_transfer_request__program_id")
        ),
        sa.ForeignKeyConstraint(
            ["from_account_id"], ["account.id"], name=op.f("fk_transfer_request__from_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["to_account_id"], ["account.id"], name=op.f("fk_transfer_request__to_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["by_customer_id"], ["customer.id"], name=op.f("fk_transfer_request__by_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer_request")),
    )
    for column in ("from_account_id", "to_account_id", "expires_at"):
        op.create_index(op.f(f"ix_transfer_request__{column}"), "transfer_request", [column])
    op.create_index("ix_transfer_request__context", "transfer_request", ["context", "created_at"])
    op.create_table(
        "transfer",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("program_id", sa.String(length=36), nullable=False),
        sa.Column("from_account_id", sa.String(length=36), nullable=False),
        sa.Column("to_account_id", sa.String(length=36), nullable=False),
        sa.Column("by_customer_id", sa.String(length=36), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("from_sequence", sa.BigInteger(), nullable=False),
        sa.Column("to_sequence", sa.BigInteger(), nullable=False),
        sa.Column("from_left", sa.BigInteger(), nullable=False),
        sa.Column("to_left", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("points > 0", name=op.f("ck_transfer__points")),
        sa.CheckConstraint(
            "from_account_id <> to_account_id", name=op.f("ck_transfer__two_accounts")
        ),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_transfer__event_id")),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_transfer__program_id")
        ),
        sa.ForeignKeyConstraint(
            ["from_account_id", "from_sequence"],
            ["entry.account_id", "entry.sequence"],
            name=op.f("fk_transfer__from_account_id_from_sequence"),
        ),
        sa.ForeignKeyConstraint(
            ["to_account_id", "to_sequence"],
            ["entry.account_id", "entry.sequence"],
            name=op.f("fk_transfer__to_account_id_to_sequence"),
        ),
        sa.ForeignKeyConstraint(
            ["from_account_id"], ["account.id"], name=op.f("fk_transfer__from_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["to_account_id"], ["account.id"], name=op.f("fk_transfer__to_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["by_customer_id"], ["customer.id"], name=op.f("fk_transfer__by_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfer")),
        sa.UniqueConstraint("request_id", name=op.f("uq_transfer__request_id")),
        sa.UniqueConstraint("event_id", name=op.f("uq_transfer__event_id")),
    )
    op.create_index("ix_transfer__sent", "transfer", ["from_account_id", "created_at", "id"])
    op.create_index("ix_transfer__received", "transfer", ["to_account_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("transfer")
    op.drop_table("transfer_request")
