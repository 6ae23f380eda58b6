"""People as others may see them: initials and last digits, no more (QUALITY, B.3)."""

from portal.members.customers import CustomerView

NOBODY = "?"


def masked_name(first_name: str | None, last_name: str | None) -> str:
    """``Ja… D…``: two letters of the first name, one of the last; empty if both are."""
    parts = []
    if first_name:
        parts.append(first_name if len(first_name) <= 1 else f"{first_name[:2]}…")
    if last_name:
        parts.append(f"{last_name[:1]}…")
    return " ".join(parts)


def masked_mobile(mobile: str) -> str:
    """``…89``."""
    return f"…{mobile[-2:]}"


def masked_email(email: str) -> str:
    """``j…@e….com``: enough for its owner to know it again."""
    local, _, domain = email.rpartition("@")
    name, dot, top = domain.rpartition(".")
    return f"{local[:1]}…@{name[:1]}…{dot}{top}"


def masked_contact(*, mobile: str | None = None, email: str | None = None) -> str:
    """A destination as it may be shown: the phone's last digits, else the e-mail's outline."""
    if mobile:
        return masked_mobile(mobile)
    return masked_email(email) if email else ""


def display(customer: CustomerView) -> str:
    """A customer in one line for someone else's eyes: ``Ja… D… (…89)``."""
    name = masked_name(customer.first_name, customer.last_name)
    contact = masked_contact(mobile=customer.mobile, email=customer.email)
    if name and contact:
        return f"{name} ({contact})"
    return name or contact or NOBODY
