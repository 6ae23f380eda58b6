"""members' rotating codes"""

import sqlalchemy as sa
from alembic import op

from portal.orm import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "member_code_key",
        sa.Column("customer_id", sa.String(length=36), nullable=False),
        sa.Column("handle", sa.String(length=8), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("renewed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_member_code_key__customer_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_member_code_key")),
        sa.UniqueConstraint("handle", name=op.f("uq_member_code_key__handle")),
    )
    # No quote of before was made with a code.
    op.add_column(
        "quote", sa.Column("present", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.drop_column("quote", "present")
    op.drop_table("member_code_key")
