"""one redemption an entry

The history looks a page's redemptions up by their entries: exact, and the same
cost however long the book is. PostgreSQL builds the index beside the tills'
writes instead of stopping them.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NAME, _TABLE = "uq_redemption__entry", "redemption"


def upgrade() -> None:
    columns = ["account_id", "entry_sequence"]
    if op.get_context().dialect.name != "postgresql":
        op.create_index(_NAME, _TABLE, columns, unique=True)
        return
    with op.get_context().autocommit_block():
        # A build that was interrupted leaves an invalid index behind.
        op.drop_index(_NAME, _TABLE, if_exists=True, postgresql_concurrently=True)
        op.create_index(_NAME, _TABLE, columns, unique=True, postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index(_NAME, _TABLE)
