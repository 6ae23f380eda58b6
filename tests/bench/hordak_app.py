"""The least that django-hordak can do for a redemption: a transfer from one account to another.

Runs in an environment of its own, which ``comparing.py`` makes; nothing of the
portal is imported here::

    python -P hordak_app.py migrate ACCOUNTS       prints the accounts' ids
    python -P hordak_app.py serve --port N

No key, no lots, no expiry, no check of the balance, no stored answer, and
none of Django's middleware.
"""

import json
import os
import sys

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

ACCOUNTS = "accounts"


def configure() -> None:
    """Django with PostgreSQL and hordak, and connections that stay open."""
    settings.configure(
        SECRET_KEY="measured",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": os.environ["BENCH_NAME"],
                "HOST": os.environ["BENCH_HOST"],
                "USER": "postgres",
                "CONN_MAX_AGE": None,
            }
        },
        INSTALLED_APPS=["django.contrib.contenttypes", "mptt", "hordak"],
        MIDDLEWARE=[],
        USE_TZ=True,
        HORDAK_CURRENCIES=["EUR"],
        CURRENCIES=["EUR"],
        LOGGING_CONFIG=None,
    )
    django.setup()


def redeem(request: HttpRequest) -> HttpResponse:
    """Move points from the member's account to the shop's."""
    from django.db import transaction
    from hordak.models import Account
    from moneyed import Money

    asked = json.loads(request.body)
    with transaction.atomic():
        member = Account.objects.get(id=asked["account"])
        shop = Account.objects.get(id=1)
        made = member.transfer_to(shop, Money(asked["points"], "EUR"))
    content = json.dumps({"id": str(made.uuid), "status": "captured", "points": asked["points"]})
    answer = HttpResponse(content, status=201, content_type="application/json")
    answer["Content-Length"] = str(len(content))  # else gunicorn would answer in chunks
    return answer


urlpatterns = [path("api/v1/redemptions", redeem)]


def migrate(count: int) -> None:
    """Make the tables, the shop's account (the first) and the members'."""
    from django.core.management import call_command
    from hordak.models import Account

    call_command("migrate", verbosity=0)
    Account.objects.create(name="shop", type="IN", code="1", currencies=["EUR"])
    members = [
        Account.objects.create(name=f"member {n}", type="LI", code=str(n + 2), currencies=["EUR"])
        for n in range(count)
    ]
    print(json.dumps({ACCOUNTS: [member.id for member in members]}))


def serve(port: int) -> None:
    """Under gunicorn as the portal is: two workers, four threads."""
    import gunicorn.app.base

    class Server(gunicorn.app.base.BaseApplication):
        def load_config(self) -> None:
            options = {
                "bind": f"127.0.0.1:{port}",
                "workers": 2,
                "worker_class": "gthread",
                "threads": 4,
                "keepalive": 5,
                "control_socket_disable": True,
                "loglevel": "warning",
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self):
            return get_wsgi_application()

    Server().run()


if __name__ == "__main__":
    configure()
    if sys.argv[1] == "migrate":
        migrate(int(sys.argv[2]))
    else:
        serve(int(sys.argv[-1]))
