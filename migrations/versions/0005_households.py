"""households, opting out of being found, who froze an account"""

import sqlalchemy as sa
from alembic import op

from portal.orm import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "customer",
        sa.Column("findable", sa.Boolean(), server_default=sa.true(), nullable=False),
    )
    op.add_column("account", sa.Column("frozen_by", sa.String(length=8), nullable=True))
    op.create_table(
        "household",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("external_id", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("status IN ('active','closed')", name=op.f("ck_household__status")),
        sa.CheckConstraint(
            "(status = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_household__closed_at")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household")),
        sa.UniqueConstraint("external_id", name=op.f("uq_household__external_id")),
    )
    op.create_table(
        "household_member",
        sa.Column("household_id", sa.String(length=36), nullable=False),
        sa.Column("customer_id", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("is_primary", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("may_send", sa.Boolean(), nullable=False),
        sa.Column("invited_by", sa.String(length=36), nullable=True),
        sa.Column("invited_at", UtcDateTime(), nullable=True),
        sa.Column("joined_at", UtcDateTime(), nullable=True),
        sa.Column("left_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "status IN ('invited','active','left','declined','removed')",
            name=op.f("ck_household_member__status"),
        ),
        sa.CheckConstraint(
            "status = 'active' OR NOT (is_primary OR is_default OR may_send)",
            name=op.f("ck_household_member__active"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_household_member__customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["household_id"], ["household.id"], name=op.f("fk_household_member__household_id")
        ),
        sa.ForeignKeyConstraint(
            ["invited_by"], ["customer.id"], name=op.f("fk_household_member__invited_by")
        ),
        sa.PrimaryKeyConstraint("household_id", "customer_id", name=op.f("pk_household_member")),
    )
    op.create_index("ix_household_member__customer_id", "household_member", ["customer_id"])
    op.create_index(
        "uq_household_member__primary",
        "household_member",
        ["household_id"],
        unique=True,
        sqlite_where=sa.text("is_primary"),
        postgresql_where=sa.text("is_primary"),
    )
    op.create_index(
        "uq_household_member__default",
        "household_member",
        ["customer_id"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )


def downgrade() -> None:
    op.drop_table("household_member")
    op.drop_table("household")
    op.drop_column("account", "frozen_by")
    op.drop_column("customer", "findable")
