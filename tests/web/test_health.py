"""Alive, ready, and how it is doing."""

from portal import create_app, orm
from portal.config import Settings


def test_alive_asks_nothing_else(client):
    answer = client.get("/healthz")
    assert answer.json == {"status": "ok"}


def test_ready_when_the_database_is_at_the_newest_revision(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"status": "ok", "database": "ok", "migrations": "ok"}


def test_not_ready_before_the_migrations(client, engine):
    from sqlalchemy import text
    from sqlalchemy.orm import Session

    with Session(engine) as session, orm.writing(session):
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "behind" in answer.json["migrations"]
    with Session(engine) as session, orm.writing(session):
        session.execute(text("DELETE FROM alembic_version"))
    assert "empty" in client.get("/readyz").json["migrations"]


def test_metrics_count_by_route_and_not_by_path(client):
    client.get("/history/ptx_secret")
    text = client.get("/metrics").text
    assert 'route="/history/<entry_id>"' in text
    assert "ptx_secret" not in text


def test_metrics_ask_for_their_token(settings):
    app = create_app(settings.model_copy(update={"metrics_token": _secret("let-me-see")}))
    client = app.test_client()
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer x"}).status_code == 401
    shown = client.get("/metrics", headers={"Authorization": "Bearer let-me-see"})
    assert shown.status_code == 200
    _close(app)


def _secret(text: str):
    return Settings(metrics_token=text).metrics_token


def _close(app) -> None:
    from portal.web.extensions import db

    app.extensions["portal_delivery"].stop()
    with app.app_context():
        db.engine.dispose()
