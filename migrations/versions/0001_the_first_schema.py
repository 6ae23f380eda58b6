"""the first schema"""

import sqlalchemy as sa
from alembic import op

from portal.orm import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("event", "entry", "allocation")


def _refuse_changes() -> None:
    """The database itself refuses to change or remove what was booked."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("""
            CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                RAISE EXCEPTION '% is append-only: correct by adding', TG_TABLE_NAME
                    USING ERRCODE = 'restrict_violation';
            END $$
        """)
    for table in APPEND_ONLY:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        else:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: correct by adding'); END"
                )


def _allow_changes() -> None:
    for table in APPEND_ONLY:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
            op.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")
        else:
            op.execute(f"DROP TRIGGER {table}_no_update")
            op.execute(f"DROP TRIGGER {table}_no_delete")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def upgrade() -> None:
    op.create_table(
        "budget",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("window_started_at", UtcDateTime(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", "subject", "window_started_at", name=op.f("pk_budget")),
    )
    op.create_index(op.f("ix_budget__ends_at"), "budget", ["ends_at"], unique=False)

    op.create_table(
        "client",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client")),
        sa.UniqueConstraint("name", name=op.f("uq_client__name")),
    )
    op.create_table(
        "customer",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("first_name", sa.String(length=120), nullable=True),
        sa.Column("last_name", sa.String(length=120), nullable=True),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("fraud_status", sa.String(length=9), nullable=False),
        sa.Column("merged_into", sa.String(length=36), nullable=True),
        sa.Column("referred_by", sa.String(length=36), nullable=True),
        sa.Column("contact_changed_at", UtcDateTime(), nullable=True),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "fraud_status IN ('none','suspected','confirmed')",
            name=op.f("ck_customer__fraud_status"),
        ),
        sa.ForeignKeyConstraint(
            ["merged_into"], ["customer.id"], name=op.f("fk_customer__merged_into")
        ),
        sa.ForeignKeyConstraint(
            ["referred_by"], ["customer.id"], name=op.f("fk_customer__referred_by")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    op.create_index("ix_customer__last_name", "customer", ["last_name"], unique=False)

    op.create_table(
        "event",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("store", sa.String(length=64), nullable=True),
        sa.Column("till", sa.String(length=64), nullable=True),
        sa.Column("order_id", sa.String(length=36), nullable=True),
        sa.Column("order_number", sa.String(length=64), nullable=True),
        sa.Column("order_value", sa.BigInteger(), nullable=True),
        sa.Column("order_currency", sa.String(length=16), nullable=True),
        sa.Column("order_placed_at", UtcDateTime(), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=True),
        sa.Column("detail_digest", sa.LargeBinary(length=32), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index(
        "ix_event__order_id",
        "event",
        ["order_id"],
        unique=False,
        sqlite_where=sa.text("order_id IS NOT NULL"),
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )

    op.create_table(
        "message",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=False),
        sa.Column("give_up_at", UtcDateTime(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("channel IN ('sms','email')", name=op.f("ck_message__channel")),
        sa.CheckConstraint(
            "status IN ('waiting','sent','failed','nobody')", name=op.f("ck_message__status")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_index("ix_message__created_at", "message", ["created_at"], unique=False)
    op.create_index(
        "ix_message__waiting",
        "message",
        ["give_up_at"],
        unique=False,
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )

    op.create_table(
        "one_time_code",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("purpose", sa.String(length=24), nullable=False),
        sa.Column("subject", sa.String(length=128), nullable=False),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("replaced_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("tries BETWEEN 0 AND 5", name=op.f("ck_one_time_code__tries")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_code")),
    )
    op.create_index(
        "ix_one_time_code__destination",
        "one_time_code",
        ["destination", "purpose", "created_at"],
        unique=False,
    )
    op.create_index("ix_one_time_code__expires_at", "one_time_code", ["expires_at"], unique=False)
    op.create_index(
        "uq_one_time_code__live",
        "one_time_code",
        ["purpose", "subject"],
        unique=True,
        sqlite_where=sa.text("replaced_at IS NULL"),
        postgresql_where=sa.text("replaced_at IS NULL"),
    )

    op.create_table(
        "program",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(length=16), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_program")),
    )
    op.create_index(
        "uq_program__default",
        "program",
        ["is_default"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )

    op.create_table(
        "request",
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=True),
        sa.Column("content_type", sa.String(length=64), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("effect", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("client", "key", name=op.f("pk_request")),
        sa.UniqueConstraint("id", name=op.f("uq_request__id")),
    )
    op.create_index(op.f("ix_request__created_at"), "request", ["created_at"], unique=False)

    op.create_table(
        "account",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("external_id", sa.String(length=64), nullable=True),
        sa.Column("program_id", sa.String(length=36), nullable=False),
        sa.Column("customer_id", sa.String(length=36), nullable=True),
        sa.Column("household_id", sa.String(length=36), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("merged_into", sa.String(length=36), nullable=True),
        sa.Column("balance", sa.BigInteger(), nullable=False),
        sa.Column("promised", sa.BigInteger(), nullable=False),
        sa.Column("trigger_based", sa.BigInteger(), nullable=False),
        sa.Column("lifetime", sa.BigInteger(), nullable=False),
        sa.Column("taken_back", sa.BigInteger(), nullable=False),
        sa.Column("lifetime_purchases", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("lots", sa.BigInteger(), nullable=False),
        sa.Column("head_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("next_due_at", UtcDateTime(), nullable=False),
        sa.Column("idle_expires_at", UtcDateTime(), nullable=False),
        sa.Column("last_occurred_at", UtcDateTime(), nullable=True),
        sa.Column("enrolled_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "(status = 'merged') = (merged_into IS NOT NULL)", name=op.f("ck_account__merged_into")
        ),
        sa.CheckConstraint(
            "status IN ('active','frozen','closed','merged')", name=op.f("ck_account__status")
        ),
        sa.CheckConstraint(
            "customer_id IS NULL OR household_id IS NULL", name=op.f("ck_account__one_holder")
        ),
        sa.CheckConstraint(
            "lifetime >= 0 AND promised >= trigger_based",
            name=op.f("ck_account__lifetime_promised"),
        ),
        sa.CheckConstraint("trigger_based >= 0", name=op.f("ck_account__trigger_based")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_account__customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["merged_into"], ["account.id"], name=op.f("fk_account__merged_into")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_account__program_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("external_id", name=op.f("uq_account__external_id")),
    )
    op.create_index("ix_account__customer_id", "account", ["customer_id"], unique=False)
    op.create_index("ix_account__household_id", "account", ["household_id"], unique=False)
    op.create_index(op.f("ix_account__merged_into"), "account", ["merged_into"], unique=False)
    op.create_index("ix_account__next_due_at", "account", ["next_due_at"], unique=False)
    op.create_index(
        "uq_account__program_customer_active",
        "account",
        ["program_id", "customer_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('active','frozen')"),
        postgresql_where=sa.text("status IN ('active','frozen')"),
    )
    op.create_index(
        "uq_account__program_household_active",
        "account",
        ["program_id", "household_id"],
        unique=True,
        sqlite_where=sa.text("status IN ('active','frozen')"),
        postgresql_where=sa.text("status IN ('active','frozen')"),
    )

    op.create_table(
        "event_detail",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("metadata", sa.JSON(), nullable=True),
        sa.Column("erased_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_event_detail__event_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_event_detail")),
    )
    op.create_table(
        "identifier",
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=255), nullable=False),
        sa.Column("source_account", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=True),
        sa.Column("customer_id", sa.String(length=36), nullable=False),
        sa.Column("verified_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "type IN ('mobile','email','external_id','card_number','card_external_id','wechat','facebook','martjack')",
            name=op.f("ck_identifier__type"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_identifier__customer_id")
        ),
        sa.PrimaryKeyConstraint("type", "value", "source_account", name=op.f("pk_identifier")),
    )
    op.create_index(op.f("ix_identifier__customer_id"), "identifier", ["customer_id"], unique=False)

    op.create_table(
        "member_session",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("customer_id", sa.String(length=36), nullable=False),
        sa.Column("program_id", sa.String(length=36), nullable=True),
        sa.Column("user_agent", sa.String(length=200), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("proved_at", UtcDateTime(), nullable=False),
        sa.Column("fresh_until", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_member_session__customer_id")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_member_session__program_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member_session")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_member_session__token_digest")),
    )
    op.create_index(
        op.f("ix_member_session__customer_id"), "member_session", ["customer_id"], unique=False
    )

    op.create_table(
        "program_version",
        sa.Column("program_id", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("applied_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_program_version__program_id")
        ),
        sa.PrimaryKeyConstraint("program_id", "version", name=op.f("pk_program_version")),
    )
    op.create_table(
        "sign_in",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("token_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("identifier_type", sa.String(length=8), nullable=False),
        sa.Column("identifier_value", sa.String(length=255), nullable=False),
        sa.Column("customer_id", sa.String(length=36), nullable=True),
        sa.Column("purpose", sa.String(length=8), nullable=False),
        sa.Column("join", sa.JSON(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("purpose IN ('sign_in','join')", name=op.f("ck_sign_in__purpose")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_sign_in__customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("token_digest", name=op.f("uq_sign_in__token_digest")),
    )
    op.create_table(
        "store",
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("program_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["program_id"], ["program.id"], name=op.f("fk_store__program_id")),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_store")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("client_id", sa.String(length=36), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("store", sa.String(length=64), nullable=True),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("fk_api_key__client_id")),
        sa.ForeignKeyConstraint(["store"], ["store.code"], name=op.f("fk_api_key__store")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_key__digest")),
    )
    op.create_index(op.f("ix_api_key__client_id"), "api_key", ["client_id"], unique=False)

    op.create_table(
        "enrolment",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("terms_url", sa.Text(), nullable=True),
        sa.Column("terms_accepted_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_enrolment__account_id")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_enrolment")),
    )
    op.create_table(
        "entry",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=8), nullable=False),
        sa.Column("category", sa.String(length=13), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("lifetime_delta", sa.BigInteger(), nullable=False),
        sa.Column("taken_back_delta", sa.BigInteger(), nullable=False),
        sa.Column("reverses", sa.String(length=48), nullable=True),
        sa.Column("program_version", sa.BigInteger(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.Column("hash_version", sa.SmallInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("amount <> 0 OR type = 'merge'", name=op.f("ck_entry__amount")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_entry__account_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_entry__event_id")),
        sa.PrimaryKeyConstraint("account_id", "sequence", name=op.f("pk_entry")),
    )
    op.create_index(
        "ix_entry__account_id_occurred_at",
        "entry",
        ["account_id", "occurred_at", "sequence"],
        unique=False,
    )
    op.create_index(
        "ix_entry__account_id_type",
        "entry",
        ["account_id", "type", "occurred_at", "sequence"],
        unique=False,
    )
    op.create_index(op.f("ix_entry__event_id"), "entry", ["event_id"], unique=False)
    op.create_index(
        "ix_entry__late",
        "entry",
        ["account_id", "occurred_at"],
        unique=False,
        sqlite_where=sa.text("late = 1"),
        postgresql_where=sa.text("late"),
    )
    op.create_index(
        "ix_entry__reverses",
        "entry",
        ["reverses"],
        unique=False,
        sqlite_where=sa.text("reverses IS NOT NULL"),
        postgresql_where=sa.text("reverses IS NOT NULL"),
    )
    op.create_index(
        "ix_entry__waiting",
        "entry",
        ["account_id", "category", "occurred_at", "sequence"],
        unique=False,
        sqlite_where=sa.text("category <> 'regular'"),
        postgresql_where=sa.text("category <> 'regular'"),
    )

    op.create_table(
        "sales_order",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("store", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("till", sa.String(length=64), nullable=True),
        sa.Column("customer_id", sa.String(length=36), nullable=True),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=16), nullable=False),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("metadata", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_sales_order__customer_id")
        ),
        sa.ForeignKeyConstraint(["store"], ["store.code"], name=op.f("fk_sales_order__store")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_order")),
        sa.UniqueConstraint("store", "number", name=op.f("uq_sales_order__store_number")),
    )
    op.create_index(
        "ix_sales_order__customer_id", "sales_order", ["customer_id", "placed_at"], unique=False
    )

    op.create_table(
        "till",
        sa.Column("store", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["store"], ["store.code"], name=op.f("fk_till__store")),
        sa.PrimaryKeyConstraint("store", "code", name=op.f("pk_till")),
    )
    op.create_table(
        "debt",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("entry_sequence", sa.BigInteger(), nullable=False),
        sa.Column("owed", sa.BigInteger(), nullable=False),
        sa.Column("cancelled", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("remaining >= 0 AND remaining <= owed", name=op.f("ck_debt__remaining")),
        sa.ForeignKeyConstraint(
            ["account_id", "entry_sequence"],
            ["entry.account_id", "entry.sequence"],
            name=op.f("fk_debt__account_id_entry_sequence"),
        ),
        sa.PrimaryKeyConstraint("account_id", "entry_sequence", name=op.f("pk_debt")),
    )
    op.create_index(
        "ix_debt__open",
        "debt",
        ["account_id", "entry_sequence"],
        unique=False,
        sqlite_where=sa.text("remaining > 0"),
        postgresql_where=sa.text("remaining > 0"),
    )

    op.create_table(
        "lot",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("entry_sequence", sa.BigInteger(), nullable=False),
        sa.Column("category", sa.String(length=13), nullable=False),
        sa.Column("earned", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("earned_at", UtcDateTime(), nullable=False),
        sa.Column("available_from", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("trigger", sa.String(length=64), nullable=True),
        sa.Column("origin_account_id", sa.String(length=36), nullable=True),
        sa.Column("origin_number", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "remaining >= 0 AND remaining <= earned", name=op.f("ck_lot__remaining")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "entry_sequence"],
            ["entry.account_id", "entry.sequence"],
            name=op.f("fk_lot__account_id_entry_sequence"),
        ),
        sa.PrimaryKeyConstraint("account_id", "number", name=op.f("pk_lot")),
    )
    op.create_index("ix_lot__entry", "lot", ["account_id", "entry_sequence"], unique=False)
    op.create_index(
        "ix_lot__maturing",
        "lot",
        ["account_id", "available_from"],
        unique=False,
        sqlite_where=sa.text("remaining > 0 AND category <> 'regular'"),
        postgresql_where=sa.text("remaining > 0 AND category <> 'regular'"),
    )
    op.create_index(
        "ix_lot__open",
        "lot",
        ["account_id", "category", "expires_at", "earned_at", "number"],
        unique=False,
        sqlite_where=sa.text("remaining > 0"),
        postgresql_where=sa.text("remaining > 0"),
    )
    op.create_index(
        "ix_lot__origin",
        "lot",
        ["origin_account_id", "origin_number"],
        unique=False,
        sqlite_where=sa.text("origin_account_id IS NOT NULL"),
        postgresql_where=sa.text("origin_account_id IS NOT NULL"),
    )

    op.create_table(
        "redemption",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("entry_sequence", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("points_reversed", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=16), nullable=True),
        sa.Column("held_until", UtcDateTime(), nullable=True),
        sa.Column("grace_expires_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("points > 0", name=op.f("ck_redemption__points")),
        sa.CheckConstraint(
            "points_reversed BETWEEN 0 AND points", name=op.f("ck_redemption__points_reversed")
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "entry_sequence"],
            ["entry.account_id", "entry.sequence"],
            name=op.f("fk_redemption__account_id_entry_sequence"),
        ),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_redemption__event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_redemption")),
    )
    op.create_index(
        "ix_redemption__account_id", "redemption", ["account_id", "created_at"], unique=False
    )
    op.create_index(
        "ix_redemption__held",
        "redemption",
        ["account_id", "held_until"],
        unique=False,
        sqlite_where=sa.text("status = 'held'"),
        postgresql_where=sa.text("status = 'held'"),
    )

    op.create_table(
        "allocation",
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("entry_sequence", sa.BigInteger(), nullable=False),
        sa.Column("lot_number", sa.BigInteger(), nullable=False),
        sa.Column("debit_sequence", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("points <> 0", name=op.f("ck_allocation__points")),
        sa.ForeignKeyConstraint(
            ["account_id", "entry_sequence"],
            ["entry.account_id", "entry.sequence"],
            name=op.f("fk_allocation__account_id_entry_sequence"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "lot_number"],
            ["lot.account_id", "lot.number"],
            name=op.f("fk_allocation__account_id_lot_number"),
        ),
        sa.PrimaryKeyConstraint(
            "account_id",
            "entry_sequence",
            "lot_number",
            "debit_sequence",
            name=op.f("pk_allocation"),
        ),
    )
    op.create_index(
        "ix_allocation__debit", "allocation", ["account_id", "debit_sequence"], unique=False
    )
    op.create_index("ix_allocation__lot", "allocation", ["account_id", "lot_number"], unique=False)

    _refuse_changes()


def downgrade() -> None:
    _allow_changes()
    op.drop_index("ix_allocation__lot", table_name="allocation")
    op.drop_index("ix_allocation__debit", table_name="allocation")

    op.drop_table("allocation")
    op.drop_index(
        "ix_redemption__held",
        table_name="redemption",
        sqlite_where=sa.text("status = 'held'"),
        postgresql_where=sa.text("status = 'held'"),
    )
    op.drop_index("ix_redemption__account_id", table_name="redemption")

    op.drop_table("redemption")
    op.drop_index(
        "ix_lot__origin",
        table_name="lot",
        sqlite_where=sa.text("origin_account_id IS NOT NULL"),
        postgresql_where=sa.text("origin_account_id IS NOT NULL"),
    )
    op.drop_index(
        "ix_lot__open",
        table_name="lot",
        sqlite_where=sa.text("remaining > 0"),
        postgresql_where=sa.text("remaining > 0"),
    )
    op.drop_index(
        "ix_lot__maturing",
        table_name="lot",
        sqlite_where=sa.text("remaining > 0 AND category <> 'regular'"),
        postgresql_where=sa.text("remaining > 0 AND category <> 'regular'"),
    )
    op.drop_index("ix_lot__entry", table_name="lot")

    op.drop_table("lot")
    op.drop_index(
        "ix_debt__open",
        table_name="debt",
        sqlite_where=sa.text("remaining > 0"),
        postgresql_where=sa.text("remaining > 0"),
    )

    op.drop_table("debt")
    op.drop_table("till")
    op.drop_index("ix_sales_order__customer_id", table_name="sales_order")

    op.drop_table("sales_order")
    op.drop_index(
        "ix_entry__waiting",
        table_name="entry",
        sqlite_where=sa.text("category <> 'regular'"),
        postgresql_where=sa.text("category <> 'regular'"),
    )
    op.drop_index(
        "ix_entry__reverses",
        table_name="entry",
        sqlite_where=sa.text("reverses IS NOT NULL"),
        postgresql_where=sa.text("reverses IS NOT NULL"),
    )
    op.drop_index(
        "ix_entry__late",
        table_name="entry",
        sqlite_where=sa.text("late = 1"),
        postgresql_where=sa.text("late"),
    )
    op.drop_index(op.f("ix_entry__event_id"), table_name="entry")
    op.drop_index("ix_entry__account_id_type", table_name="entry")
    op.drop_index("ix_entry__account_id_occurred_at", table_name="entry")

    op.drop_table("entry")
    op.drop_table("enrolment")
    op.drop_index(op.f("ix_api_key__client_id"), table_name="api_key")

    op.drop_table("api_key")
    op.drop_table("store")
    op.drop_table("sign_in")
    op.drop_table("program_version")
    op.drop_index(op.f("ix_member_session__customer_id"), table_name="member_session")

    op.drop_table("member_session")
    op.drop_index(op.f("ix_identifier__customer_id"), table_name="identifier")

    op.drop_table("identifier")
    op.drop_table("event_detail")
    op.drop_index(
        "uq_account__program_household_active",
        table_name="account",
        sqlite_where=sa.text("status IN ('active','frozen')"),
        postgresql_where=sa.text("status IN ('active','frozen')"),
    )
    op.drop_index(
        "uq_account__program_customer_active",
        table_name="account",
        sqlite_where=sa.text("status IN ('active','frozen')"),
        postgresql_where=sa.text("status IN ('active','frozen')"),
    )
    op.drop_index("ix_account__next_due_at", table_name="account")
    op.drop_index(op.f("ix_account__merged_into"), table_name="account")
    op.drop_index("ix_account__household_id", table_name="account")
    op.drop_index("ix_account__customer_id", table_name="account")

    op.drop_table("account")
    op.drop_index(op.f("ix_request__created_at"), table_name="request")

    op.drop_table("request")
    op.drop_index(
        "uq_program__default",
        table_name="program",
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )

    op.drop_table("program")
    op.drop_index(
        "uq_one_time_code__live",
        table_name="one_time_code",
        sqlite_where=sa.text("replaced_at IS NULL"),
        postgresql_where=sa.text("replaced_at IS NULL"),
    )
    op.drop_index("ix_one_time_code__expires_at", table_name="one_time_code")
    op.drop_index("ix_one_time_code__destination", table_name="one_time_code")

    op.drop_table("one_time_code")
    op.drop_index(
        "ix_message__waiting",
        table_name="message",
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.drop_index("ix_message__created_at", table_name="message")

    op.drop_table("message")
    op.drop_index(
        "ix_event__order_id",
        table_name="event",
        sqlite_where=sa.text("order_id IS NOT NULL"),
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )

    op.drop_table("event")
    op.drop_index("ix_customer__last_name", table_name="customer")

    op.drop_table("customer")
    op.drop_table("client")
    op.drop_index(op.f("ix_budget__ends_at"), table_name="budget")

    op.drop_table("budget")
