"""How a message leaves: through apprise, or on a developer's own terminal."""

import logging
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol
from urllib.parse import quote

from portal.config import Settings

CHANNELS = ("sms", "email")


class SendingFailed(Exception):
    """It did not go out and may be tried again. Says nothing of what it said, or to whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message in the clear, on its way out."""

    id: str
    channel: str
    to: str = field(repr=False)
    subject: str | None = field(repr=False)
    body: str = field(repr=False)


class Sender(Protocol):
    """Something that sends."""

    @property
    def keeps(self) -> bool:
        """Whether messages stay readable for /dev/messages afterwards."""

    def send(self, message: Outgoing) -> None:
        """Send it; anything raised means that it may be tried again."""


class AppriseSender:
    """Sends to any service that apprise knows, by its address.

    ``{to}`` in the address stands for the recipient. Without it, an e-mail
    address gets ``to=`` as apprise's mail services understand it, and any
    other the recipient as its last part (``twilio://SID:TOKEN@FROM/``).
    """

    keeps: ClassVar[bool] = False

    def __init__(self, address: str, *, channel: str):
        """Check the address once, so that a mistake shows at the start and not at a sign-in.

        Raises:
            ValueError: apprise does not understand it. The address, which may
                hold a password, is not part of the message.
        """
        # Costs tens of megabytes, which a web worker in production never needs.
        import apprise

        # Apprise's loggers name recipients and, at DEBUG, quote the message; the
        # outbox logs failures itself, without either.
        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
        self._apprise: Any = apprise
        self._address = _with_recipient(address, channel)
        sample = "+441632960000" if channel == "sms" else "someone@example.com"
        with warnings.catch_warnings():
            # Loading its plugins imports a module that Python 3.13 drops.
            warnings.simplefilter("ignore", DeprecationWarning)
            service = self._service(sample)
        if service is None:
            raise ValueError(f"the address for {channel} is not one that apprise understands")

    def _service(self, to: str) -> Any:
        asset = self._apprise.AppriseAsset(
            app_id="Portal", app_desc="Portal", app_url="", async_mode=False
        )
        address = self._address.replace("{to}", quote(to, safe=""))
        return self._apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)

    def send(self, message: Outgoing) -> None:
        """Hand it to the service.

        Raises:
            SendingFailed: the service refused it or could not be reached;
                apprise does not tell which.
        """
        if any(character in ",;<>\"'" or character.isspace() for character in message.to):
            # Services take lists: one recipient must stay one.
            raise SendingFailed("the recipient is not a single number or address")
        service = self._service(message.to)
        sent = service is not None and service.notify(
            title=message.subject or "", body=message.body, body_format="text"
        )
        if not sent:
            raise SendingFailed("the service refused it or could not be reached")


def _with_recipient(address: str, channel: str) -> str:
    if "{to}" in address:
        return address
    if channel == "email":
        return f"{address}{'&' if '?' in address else '?'}to={{to}}"
    path, mark, query = address.partition("?")
    return f"{path.rstrip('/')}/{{to}}{mark}{query}"


class DevelopmentSender:
    """Prints messages to the terminal and leaves them readable; passes them on where it can."""

    keeps: ClassVar[bool] = True

    def __init__(self, settings: Settings, *, onward: Sender | None = None):
        """Refuse to be made anywhere but on a developer's machine.

        Raises:
            ValueError: the settings are not those of development.
        """
        if not settings.development:
            raise ValueError("messages go to the terminal in development only")
        self._onward = onward

    def send(self, message: Outgoing) -> None:
        """Print it, and pass it on if an address is set."""
        subject = f"{message.subject}\n" if message.subject else ""
        sys.stdout.write(
            f"\n--- {message.channel} to {message.to} ---\n{subject}{message.body}\n---\n"
        )
        sys.stdout.flush()
        if self._onward is not None:
            self._onward.send(message)


def senders_for(settings: Settings) -> Mapping[str, Sender]:
    """The senders that ``settings`` ask for, by channel.

    Raises:
        ValueError: an address is not understood.
    """
    addresses = {"sms": settings.sms_url, "email": settings.mail_url}
    real: dict[str, Sender] = {
        channel: AppriseSender(address.get_secret_value(), channel=channel)
        for channel, address in addresses.items()
        if address is not None
    }
    if not settings.development:
        return real
    return {channel: DevelopmentSender(settings, onward=real.get(channel)) for channel in CHANNELS}


def channels(settings: Settings) -> frozenset[str]:
    """Which channels can be sent on: all in development, those with an address in production."""
    if settings.development:
        return frozenset(CHANNELS)
    addresses = {"sms": settings.sms_url, "email": settings.mail_url}
    return frozenset(channel for channel, address in addresses.items() if address is not None)
