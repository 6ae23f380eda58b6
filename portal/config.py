"""Settings, from environment variables that begin with ``PORTAL_``."""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_SECRET = "development-only-not-a-secret"  # noqa: S105 - refused in production
SECRET_LENGTH_MIN = 32


class Settings(BaseSettings):
    """All that an operator can set; each field is ``PORTAL_<NAME>`` in the environment."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", extra="ignore")

    env: Literal["development", "production"] = "development"
    database_url: str = "sqlite:///instance/portal.db"
    database_pool_size: int = Field(default=8, ge=1, le=100)
    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET)
    base_url: str | None = None
    """The address members see, e.g. https://points.example.com; links in messages use it."""
    sms_url: SecretStr | None = None
    """Where text messages go, as an apprise address."""
    mail_url: SecretStr | None = None
    """Where e-mail goes, as an apprise address."""
    queue_url: str = "sqlite:///instance/huey.db"
    """Where the worker keeps its ticks: a SQLite file of its own, PostgreSQL or Redis."""
    phone_region: str = "GB"
    """The country whose numbers may be typed without their international prefix."""
    proxy_hops: int = Field(default=0, ge=0, le=5)
    """How many reverse proxies stand in front and set X-Forwarded-For."""
    limits_url: str = "memory://"
    """Where coarse limits by address are counted: in each process, or a Redis they share."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    metrics_token: SecretStr | None = None
    """If set, /metrics asks for it as a bearer token; in production it is closed without."""

    @model_validator(mode="after")
    def _safe_in_production(self) -> "Settings":
        if self.env != "production":
            return self
        secret = self.secret_key.get_secret_value()
        if secret == DEVELOPMENT_SECRET or len(secret) < SECRET_LENGTH_MIN or len(set(secret)) < 10:
            raise ValueError(
                "PORTAL_SECRET_KEY is missing or weak: give at least 32 random characters, "
                "for example from `python -c 'import secrets; print(secrets.token_urlsafe(48))'`"
            )
        if self.sms_url is None and self.mail_url is None:
            raise ValueError(
                "in production messages cannot go to the console: "
                "set PORTAL_SMS_URL or PORTAL_MAIL_URL to an apprise address"
            )
        return self

    @cached_property
    def development(self) -> bool:
        """Whether this is a developer's machine: messages are shown, codes are printed."""
        return self.env == "development"

    @property
    def pepper(self) -> bytes:
        """The secret as bytes, from which each use derives a key of its own."""
        return self.secret_key.get_secret_value().encode()


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        pydantic.ValidationError: a setting is missing, weak or not understood;
            the message names it.
    """
    settings = Settings()
    prefix = "sqlite:///"
    if settings.database_url.startswith(prefix):
        Path(settings.database_url.removeprefix(prefix)).parent.mkdir(parents=True, exist_ok=True)
    return settings
