"""/health and /health/ready: up, able to serve, and what is missing."""

import threading
import time
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest

from app import __version__
from app.data import migrate
from app.data.readiness import standing
from app.extensions import db
from app.factory import create_app
from app.http import draining, health
from tests.support.client import ApiClient, Documented
from tests.support.services import postgres_server, require


def caller(app) -> ApiClient:
    return ApiClient(app, Documented(app), None)


def test_it_answers_without_a_key(anonymous):
    body = anonymous.get("/health").get_json()
    assert body["status"] == "healthy"
    assert body["version"] == __version__
    assert body["timestamp"].endswith("Z")


def test_it_is_ready_when_database_and_migrations_are(anonymous):
    response = anonymous.get("/health/ready")
    assert response.status_code == 200
    assert response.get_json()["checks"] == {"accepting": True, "database": True, "migrations": True}
    assert response.get_json()["status"] == "ready"


def test_it_is_not_ready_before_the_migrations(tmp_path):
    app = create_app({"instance_path": tmp_path})
    web = caller(app)
    response = web.get("/health/ready")
    assert response.status_code == 503
    assert response.get_json()["checks"] == {"accepting": True, "database": True, "migrations": False}
    assert web.get("/health").status_code == 200
    with app.app_context():
        migrate.upgrade(app)
    assert web.get("/health/ready").status_code == 200
    with app.app_context():
        migrate.downgrade(app, "base")
    assert web.get("/health/ready").status_code == 503


@pytest.mark.parametrize("url", ["postgresql://nobody:wrong@127.0.0.1:1/nothing", "sqlite:////nowhere/at/all/x.db"])
def test_it_is_not_ready_without_its_database_and_says_no_more(tmp_path, url):
    response = caller(create_app({"instance_path": tmp_path, "database_url": url})).get("/health/ready")
    assert response.status_code == 503
    assert response.get_json()["checks"] == {"accepting": True, "database": False, "migrations": False}
    assert "wrong" not in response.get_data(as_text=True)


def test_a_request_without_a_database_is_a_500_in_the_envelope(tmp_path):
    app = create_app({"instance_path": tmp_path, "database_url": "postgresql://nobody:wrong@127.0.0.1:1/nothing"})
    key = "bh_live_" + "0" * 30
    from app.accounts.keys import checksum  # noqa: PLC0415 - beside its only use

    response = caller(app).get("/me", headers={"Authorization": f"Bearer {key}{checksum(key)}"})
    assert response.status_code == 500
    assert response.get_json()["error"]["code"] == "internal_error"
    assert "127.0.0.1" not in response.get_data(as_text=True)


def test_a_database_that_went_away_and_came_back(tmp_path):
    with require(postgres_server()) as server:
        app = create_app({"instance_path": tmp_path, "database_url": server.create_database("away")})
        web = caller(app)
        with app.app_context():
            migrate.upgrade(app)
        assert web.get("/health/ready").status_code == 200
        server.drop_database("away")
        assert web.get("/health/ready").status_code == 503
        assert web.get("/health").status_code == 200
        with app.app_context():
            db.engine.dispose()


def test_health_is_quick(anonymous):
    anonymous.get("/health/ready")
    started = time.perf_counter()
    for _ in range(20):
        assert anonymous.get("/health").status_code == 200
    assert time.perf_counter() - started < 2


@pytest.fixture
def ported(tmp_path):
    """A migrated application whose features give these facts."""

    def make(*sources):
        app = create_app({"instance_path": tmp_path})
        app.extensions["billhook.readiness"] = sources
        with app.app_context():
            migrate.upgrade(app)
        return caller(app)

    return make


def test_features_tell_how_their_work_stands(ported):
    ticked = datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    body = ported(lambda: {"queue": True, "last_tick": ticked}, lambda: {"overdue": 3}).get("/health/ready").get_json()
    assert body["checks"] == {"accepting": True, "database": True, "migrations": True, "queue": True}
    assert body["facts"] == {"last_tick": "2026-03-01T12:00:00Z", "overdue": 3}


def test_what_a_feature_denies_or_fails_to_tell_is_a_503_and_never_a_500(ported):
    def schedule():
        raise RuntimeError("no such table: schedules")

    response = ported(lambda: {"queue": False}, schedule).get("/health/ready")
    assert response.status_code == 503
    assert response.get_json()["checks"] == {
        "accepting": True,
        "database": True,
        "migrations": True,
        "queue": False,
        "schedule": False,
    }


def test_what_hangs_is_not_waited_for(ported, monkeypatch):
    hang, web = threading.Event(), ported(lambda: {"queue": bool(hang.wait(30))})
    monkeypatch.setattr(health, "standing", partial(standing, seconds=0.2))
    started = time.perf_counter()
    for _ in range(3):
        response = web.get("/health/ready")
        assert response.status_code == 503
        assert response.get_json()["checks"]["in_time"] is False
    assert time.perf_counter() - started < 5
    assert web.get("/health").status_code == 200
    hang.set()
    assert web.get("/health/ready").status_code == 200


def test_a_process_that_is_stopping_is_not_ready(anonymous, monkeypatch):
    monkeypatch.setattr(draining, "_begun", threading.Event())
    assert not draining.wait(0)
    draining.begin()
    assert draining.wait(60)
    response = anonymous.get("/health/ready")
    assert response.status_code == 503
    assert response.get_json()["checks"] == {"accepting": False, "database": True, "migrations": True}
    assert anonymous.get("/health").status_code == 200
