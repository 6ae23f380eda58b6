"""In which language a page speaks: the member's own, else what the browser asks for."""

from pathlib import Path
from typing import Any

import flask_babel
from flask import Flask, current_app, request
from flask_login import current_user

from portal.web.extensions import babel

TRANSLATIONS = Path(__file__).resolve().parent.parent / "translations"
SOURCE_LANGUAGE = "en"


def gettext(text: str, **values: Any) -> str:
    """``text`` in the language of this request, with ``values`` put in."""
    return str(flask_babel.gettext(text, **values))


def ngettext(one: str, other: str, number: int, **values: Any) -> str:
    """``one`` or ``other`` as ``number`` asks, which is put in as ``num``."""
    return str(flask_babel.ngettext(one, other, number, **values))


def init_app(app: Flask) -> None:
    """Select the language of each request."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = str(TRANSLATIONS)
    app.config["BABEL_DEFAULT_LOCALE"] = SOURCE_LANGUAGE
    app.config["LANGUAGES"] = _languages()
    babel.init_app(app, locale_selector=choose)


def choose() -> str:
    """The language of this request, one of those there are texts in."""
    languages: list[str] = current_app.config["LANGUAGES"]
    own = None if request.path.startswith("/api/") else current_user.language
    if own and (found := _best(own, languages)):
        return found
    return request.accept_languages.best_match(languages, SOURCE_LANGUAGE) or SOURCE_LANGUAGE


def _best(wanted: str, languages: list[str]) -> str | None:
    wanted = wanted.replace("_", "-").lower()
    for candidate in (wanted, wanted.split("-")[0]):
        for language in languages:
            if language.lower() == candidate:
                return language
    return None


def _languages() -> list[str]:
    folders = sorted(TRANSLATIONS.glob("*/LC_MESSAGES")) if TRANSLATIONS.is_dir() else []
    found = [folder.parent.name.replace("_", "-") for folder in folders]
    return [SOURCE_LANGUAGE, *(one for one in found if one != SOURCE_LANGUAGE)]
