"""The members' face; every view of theirs is registered here."""

from flask import Blueprint

blueprint = Blueprint("member", __name__)
