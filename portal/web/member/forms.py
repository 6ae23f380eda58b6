"""The forms of coming in."""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, HiddenField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from portal import outbox
from portal.access.entering import CHANNELS
from portal.errors import InvalidInput
from portal.web.locale import gettext
from portal.web.settings import settings

ADDRESS_LENGTH_MAX = 254


def trimmed(text: str | None) -> str | None:
    """What was typed, without the spaces that a keyboard or a paste leaves around it."""
    return text.strip() if text else text


class OnceForm(FlaskForm):  # type: ignore[misc]
    """A form that carries an operation id, so that sending it twice does it once."""

    operation = HiddenField()


class SignInForm(OnceForm):
    """One field for who you are."""

    identifier = StringField(
        _("Phone number or e-mail"),
        [
            DataRequired(_("Type your phone number or e-mail.")),
            Length(max=ADDRESS_LENGTH_MAX, message=_("This is too long.")),
        ],
        filters=[trimmed],
    )


class CodeForm(FlaskForm):  # type: ignore[misc]
    """The code that was sent."""

    code = StringField(_("Code"), [InputRequired(_("Type the six digits we sent you."))])


class JoinForm(OnceForm):
    """Who joins, and that they accept the terms."""

    first_name = StringField(
        _("First name"), [DataRequired(_("Type your first name."))], filters=[trimmed]
    )
    last_name = StringField(_("Last name"))
    identifier = StringField(
        _("Phone number or e-mail"),
        [
            DataRequired(_("Type your phone number or e-mail.")),
            Length(max=ADDRESS_LENGTH_MAX, message=_("This is too long.")),
        ],
        filters=[trimmed],
        description=_("We send a code to it, and you sign in with it later."),
    )
    terms = BooleanField(_("I accept the terms"))


def address(typed: str) -> tuple[str, str]:
    """What was typed as (type, value): with an @ it is meant as an e-mail, else as a phone."""
    return ("email", typed) if "@" in typed else ("mobile", typed)


def name_channels(form: SignInForm | JoinForm) -> None:
    """Ask only for what a code can be sent to."""
    can = outbox.channels(settings())
    if "sms" not in can:
        form.identifier.label.text = gettext("E-mail")
    elif "email" not in can:
        form.identifier.label.text = gettext("Phone number")


def reachable(form: SignInForm | JoinForm, kind: str) -> bool:
    """Whether a code can be sent to this kind of address; if not, the form says so."""
    if CHANNELS[kind] in outbox.channels(settings()):
        return True
    if kind == "mobile":
        sentence = gettext("Type an e-mail address: we cannot send text messages.")
    else:
        sentence = gettext("Type a phone number: we cannot send e-mail.")
    form.identifier.errors = [sentence]
    return False


def show_errors(form: FlaskForm, error: InvalidInput, *, names: Mapping[str, str]) -> None:
    """Put what a service said about its input beside the fields of the form.

    Args:
        names: which field of the form stands for a name of the service's,
            where they differ.
    """
    for name, sentences in error.fields.items():
        field: Field | None = form._fields.get(names.get(name, name))
        if field is None:
            form.form_errors.extend(gettext(sentence) for sentence in sentences)
        else:
            field.errors = [*field.errors, *(gettext(sentence) for sentence in sentences)]
