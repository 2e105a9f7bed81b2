"""Mail leaves a real server process by itself, to a real mail server, and a killed process loses none."""

import time

import sqlalchemy as sa

from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from app.extensions import db
from app.jobs.models import JobRow
from tests.cli.home import kill
from tests.cli.test_serve import LINES, key_in
from tests.support.smtp import free_port, mail_server

SECONDS = 30


def wait_for(holds):
    deadline = time.monotonic() + SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


def send(server, key):
    customer = server.call(key, "GET", "/customers").json()["data"][0]
    draft = server.call(key, "POST", "/invoices", {"customer_id": customer["id"], "lines": LINES}).json()
    assert server.call(key, "POST", f"/invoices/{draft['id']}/issue").status_code == 200
    sent = server.call(key, "POST", f"/invoices/{draft['id']}/send", {"to": ["a@x.example"]})
    assert sent.status_code == 202, sent.text
    return sent.json()


def now(server, key, message):
    found = server.call(key, "GET", f"/communications?invoice_id={message['invoice_id']}").json()["data"]
    return next(each for each in found if each["id"] == message["id"])


def test_a_message_leaves_by_itself_and_outlives_a_killed_server(home):
    port = free_port()
    (home.instance / "billhook.toml").write_text(f'smtp_url = "smtp://127.0.0.1:{port}"', encoding="utf-8")
    with home.serve("--demo") as server:
        key = key_in(server.said)
        with mail_server(port) as told:
            at_once = send(server, key)
            wait_for(lambda: now(server, key, at_once)["state"] == "sent")
        waits = send(server, key)
        wait_for(lambda: now(server, key, waits)["error"])
        kill(server.process)
    assert [each.parsed["Message-ID"] for each in told.received] == [at_once["message_id"]]
    with home.app(), crossing("a test lets the time pass"), unit_of_work():
        waiting = sa.update(JobRow).where(JobRow.state == "ready", JobRow.name == "mail.send")
        assert db.session.execute(waiting.values(run_at=JobRow.created_at)).rowcount == 1
    with mail_server(port) as told, home.serve("--demo") as server:
        key = key_in(server.said)
        wait_for(lambda: now(server, key, waits)["state"] == "sent")
    assert [each.parsed["Message-ID"] for each in told.received] == [waits["message_id"]]
    assert home.check()[0] == 0
