"""What views ask of the settings."""

from typing import cast

from flask import current_app

from portal.config import Settings
from portal.outbox import Cipher


def settings() -> Settings:
    """The settings of the running application."""
    return cast(Settings, current_app.config["PORTAL"])


def cipher() -> Cipher:
    """What encrypts messages in the outbox; its key is derived once for each application."""
    return cast(Cipher, current_app.extensions["portal_cipher"])


def pepper() -> bytes:
    """The secret that codes are kept under."""
    return settings().pepper
