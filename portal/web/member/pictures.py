"""Pictures of rewards, by what is in them, so that whoever has one need never ask again."""

from flask import make_response, request
from werkzeug.wrappers import Response as BaseResponse

from portal import rewards
from portal.web.extensions import db
from portal.web.headers import FILES_KEPT_SECONDS
from portal.web.member.blueprint import blueprint
from portal.web.policy import allow, anyone


@blueprint.get("/pictures/<size>/<digest>")
@allow(anyone)
def picture(size: str, digest: str) -> BaseResponse:
    """A picture, ``small`` or ``large``; the address of another picture is another.

    Raises:
        PictureNotFound: there is none.
    """
    found = rewards.picture(db.session(), digest=digest, size=size)
    response = make_response(found.content)
    response.content_type = found.content_type
    response.headers["Cache-Control"] = f"public, max-age={FILES_KEPT_SECONDS}, immutable"
    response.set_etag(f"{found.digest}-{found.size}")
    return response.make_conditional(request)
