"""Security headers, on every answer: pages, fragments, errors and files."""

from flask import Flask, Response, g, request
from secure import Secure
from secure.headers import (
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    CrossOriginResourcePolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)

HSTS_SECONDS = 2 * 365 * 24 * 3600
FILES_KEPT_SECONDS = 365 * 24 * 3600


def init_app(app: Flask, *, production: bool) -> None:
    """Set the headers after each request. HSTS only in production: it needs https."""
    secure = Secure(
        csp=_content_policy(),
        hsts=StrictTransportSecurity().max_age(HSTS_SECONDS).include_subdomains()
        if production
        else None,
        xcto=XContentTypeOptions().nosniff(),
        xfo=XFrameOptions().deny(),
        referrer=ReferrerPolicy().same_origin(),
        coop=CrossOriginOpenerPolicy().same_origin(),
        corp=CrossOriginResourcePolicy().same_origin(),
        permissions=PermissionsPolicy().camera().geolocation().microphone().payment().usb(),
    )
    # Nothing else sets one of these, so that none has to be looked for first.
    fixed = list(secure.headers.items())

    def add(response: Response) -> Response:
        response.headers.extend(fixed)
        if request.endpoint == "static" and response.status_code == 200:
            _keep_file(response)
        elif "Cache-Control" not in response.headers or getattr(g, "personal", False):
            response.headers["Cache-Control"] = "no-store"
        return response

    app.after_request(add)


def _content_policy() -> ContentSecurityPolicy:
    return (
        ContentSecurityPolicy()
        .default_src("'none'")
        .script_src("'self'")
        .style_src("'self'")
        .img_src("'self'", "data:")
        .font_src("'self'")
        .connect_src("'self'")
        .manifest_src("'self'")
        .form_action("'self'")
        .base_uri("'none'")
        .frame_ancestors("'none'")
    )


def _keep_file(response: Response) -> None:
    # A file asked for by its version never changes; any other is asked after each time.
    if request.args.get("v"):
        response.headers["Cache-Control"] = f"public, max-age={FILES_KEPT_SECONDS}, immutable"
    else:
        response.headers["Cache-Control"] = "public, no-cache"
