"""GET /metrics: a door that is no door unless it was opened, figures that add up over several processes."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from app.data import migrate
from app.factory import create_app
from tests.crash.conftest import home, key  # noqa: F401 - fixtures

TOKEN = "0123456789abcdefghij"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def figures(text):
    """Every sample: {(name, label values…): value}."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def web(tmp_path):
    def make(metrics, *gauges):
        app = create_app({"instance_path": tmp_path, "metrics": metrics})
        app.extensions["billhook.gauges"] = gauges
        with app.app_context():
            migrate.upgrade(app)
        return app.test_client()

    return make


def plain(response):
    body = response.get_json(silent=True)
    if body:
        body["error"]["request_id"] = None
    return response.status_code, body, sorted(name for name, _ in response.headers)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_by_default_it_is_an_unknown_path(anonymous, method):
    for headers in ({}, BEARER):
        here = anonymous.open(method, "http://localhost/metrics", headers=headers)
        there = anonymous.open(method, "http://localhost/metricz", headers=headers)
        assert plain(here) == plain(there)
        assert here.status_code == 404
    assert "/metrics" not in anonymous.documented.document["paths"]


@pytest.mark.parametrize(
    ("door", "address", "headers", "status"),
    [
        ("loopback", "127.0.0.1", {}, 200),
        ("loopback", "::1", {}, 200),
        ("loopback", "::ffff:127.0.0.1", {}, 200),
        ("loopback", "10.0.0.1", {}, 404),
        ("loopback", "", {}, 404),
        ("loopback", "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("loopback", "127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
        ("loopback", "10.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        (f"token:{TOKEN}", "10.0.0.1", BEARER, 200),
        (f"token:{TOKEN}", "127.0.0.1", {}, 404),
        (f"token:{TOKEN}", "127.0.0.1", {"Authorization": f"Bearer {TOKEN}x"}, 404),
        (f"token:{TOKEN}", "127.0.0.1", {"Authorization": f"Bearer {TOKEN[:-1]}"}, 404),
        (f"token:{TOKEN}", "127.0.0.1", {"Authorization": TOKEN}, 404),
        (f"token:{TOKEN}", "127.0.0.1", {"Authorization": "Bearer é"}, 404),
    ],
)
def test_who_may_read(web, door, address, headers, status):
    response = web(door).get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert response.status_code == status
    if status == 404:
        assert response.get_json()["error"]["message"] == "There is nothing at this address."


def test_what_is_counted(web):
    client = web("loopback")
    for _ in range(3):
        client.get("/health")
    client.get("/api/v1/invoices")
    client.get("/made/up/by/a/caller")
    client.open("/health", method="BREW")
    text = client.get("/metrics").get_data(as_text=True)
    found = figures(text)
    assert found["billhook_requests_total", "GET", "/health", "200"] == 3
    assert found["billhook_requests_total", "GET", "/api/v1/invoices", "401"] == 1
    assert found["billhook_requests_total", "GET", "(none)", "404"] == 1
    assert found["billhook_requests_total", "OTHER", "(none)", "405"] == 1
    assert found["billhook_request_seconds_count", "GET", "/health"] == 3
    assert found["billhook_request_seconds_bucket", "+Inf", "GET", "/health"] == 3
    assert found["billhook_requests_in_flight",] == 1, "the one that asks"
    assert found["billhook_database_connections_in_use",] == 0
    assert found["billhook_gauges_failed",] == 0
    assert "caller" not in text
    assert [name for name in found if name[0] == "process_resident_memory_bytes"]
    assert figures(client.get("/metrics").get_data(as_text=True))["billhook_requests_in_flight",] == 1


def test_what_features_know(web):
    def broken():
        raise RuntimeError("no such table: outbox")

    client = web(
        "loopback",
        lambda: {'jobs{state="queued"}': 4, 'jobs{state="dead"}': 0, "relay_lag_seconds": 0.25},
        broken,
        lambda: {"no name": 1},
    )
    found = figures(client.get("/metrics").get_data(as_text=True))
    assert (found["billhook_jobs", "queued"], found["billhook_jobs", "dead"]) == (4, 0)
    assert found["billhook_relay_lag_seconds",] == 0.25
    assert found["billhook_gauges_failed",] == 2


REQUESTS = 120


def test_two_processes_tell_the_sum_and_forget_nothing_when_one_dies(home, key):  # noqa: F811
    with home.gunicorn(workers=2, threads=4, BILLHOOK_METRICS=f"token:{TOKEN}") as server:

        def scrape():
            return figures(requests.get(f"{server.base}/metrics", headers=BEARER, timeout=9).text)

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: server.call(key, "GET", "/me"), range(REQUESTS)))
        assert {answer.status_code for answer in answers} == {200}
        for _ in range(8):  # whichever process answers
            found = scrape()
            assert found["billhook_requests_total", "GET", "/api/v1/me", "200"] == REQUESTS
            assert found["billhook_requests_in_flight",] == 1
        pids = {labels[0] for name, *labels in found if name == "process_resident_memory_bytes"}
        assert len(pids) == 2
        requests.get(f"{server.base}/metrics", timeout=9)
        os.kill(int(min(pids)), signal.SIGKILL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            found = scrape()
            now = {labels[0] for name, *labels in found if name == "process_resident_memory_bytes"}
            if min(pids) not in now:
                break
            time.sleep(0.2)
        assert min(pids) not in now
        assert found["billhook_requests_total", "GET", "/api/v1/me", "200"] == REQUESTS
        assert found["billhook_requests_in_flight",] == 1


def test_the_text_is_what_prometheus_reads(web):
    response = web("loopback").get("/metrics")
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    for line in response.get_data(as_text=True).splitlines():
        assert re.fullmatch(r"#.*|[a-z_:]+(\{.*\})? [-+0-9.eInfNa]+", line), line
