"""What the world is told, after commit."""

from portal.outbox.background import BackgroundDelivery
from portal.outbox.cipher import Cipher
from portal.outbox.senders import (
    AppriseSender,
    DevelopmentSender,
    Outgoing,
    Sender,
    SendingFailed,
    channels,
    senders_for,
)
from portal.outbox.service import (
    GIVE_UP_AFTER,
    Delivered,
    SentMessage,
    deliver,
    development_messages,
    purge,
    tell,
)

__all__ = [
    "GIVE_UP_AFTER",
    "AppriseSender",
    "BackgroundDelivery",
    "Cipher",
    "Delivered",
    "DevelopmentSender",
    "Outgoing",
    "Sender",
    "SendingFailed",
    "SentMessage",
    "channels",
    "deliver",
    "development_messages",
    "purge",
    "senders_for",
    "tell",
]
