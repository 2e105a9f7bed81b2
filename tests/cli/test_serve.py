"""`flask serve`: what it prints is true and works when it is pasted; a signal ends it soon."""

import re
import shutil
import signal
import socket
import subprocess

import pytest
import requests

from app.cli.demo import find_demo, fresh_key
from app.cli.serve import welcome
from tests.cli.conftest import ONCE
from tests.cli.test_commands import me, refused, told

LINES = [{"name": "Consulting", "quantity": 12, "unit_price": "750.00"}]
BASE = "http://127.0.0.1:8000"


def key_in(text):
    return re.search(r"^export KEY=(bh_live_\w+)$", text, re.MULTILINE)[1]


def paste(text, folder):
    """Run lines as a newcomer pastes them."""
    if not shutil.which("curl") or not shutil.which("bash"):
        pytest.skip("pasting needs bash and curl")
    command = ["bash", "-euo", "pipefail", "-c", text]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout


def test_from_an_empty_database_to_an_issued_invoice(home, tmp_path):
    with home.serve("--demo") as server, requests.Session() as idle:
        key = key_in(server.said)
        assert idle.get(f"{server.base}/health/ready", timeout=9).json()["status"] == "ready"
        customers = server.call(key, "GET", "/customers").json()
        assert customers["meta"]["total"] == 5
        invoices = server.call(key, "GET", "/invoices").json()["data"]
        assert {row["status"] for row in invoices} == {"draft", "issued", "overdue"}
        assert {row["currency"] for row in invoices} == {"EUR", "USD"}
        assert server.call(key, "GET", "/settings").json()["logo"].startswith("data:image/png;base64,")
        body = {"customer_id": customers["data"][0]["id"], "lines": LINES}
        draft = server.call(key, "POST", "/invoices", body).json()
        issued = server.call(key, "POST", f"/invoices/{draft['id']}/issue")
        assert issued.status_code == 200
        assert issued.json()["number"] == "INV-0007"
        said = paste(server.said[server.said.index("export KEY") :], tmp_path)
        assert said == '"number":"INV-0008"\n'
        assert (tmp_path / "invoice.pdf").read_bytes().startswith(b"%PDF-")
        # The session still holds its connection: an idle one holds nobody up.
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 0
    assert home.check()[0] == 0


@ONCE
def test_every_start_makes_a_fresh_key_and_no_second_demo(demo):
    with demo.app():
        first = fresh_key(find_demo())
    with demo.serve("--demo") as server:
        second = key_in(server.said)
        assert server.call(first, "GET", "/me").status_code == 401
        assert server.call(second, "GET", "/me").json()["organization"]["name"] == "Demo Studio GmbH"
        assert server.call(second, "GET", "/customers").json()["meta"]["total"] == 5
        keys = server.call(second, "GET", "/api-keys?revoked=false").json()["data"]
        assert [key["name"] for key in keys] == ["demo"]


@ONCE
def test_a_demo_is_found_by_its_owner_not_by_its_name(demo):
    with demo.app() as app:
        place = find_demo()
        other = told(app, "org", "create", "Demo Studio GmbH")["organization_id"]
        assert find_demo() == place
        assert str(place.id) != other
        assert me(app, key_in(welcome(BASE, demo=True))).get_json()["organization"]["id"] == str(place.id)


@ONCE
def test_nothing_is_made_unasked(home):
    with home.app() as app:
        told(app, "init")
        said = welcome(BASE, demo=True)
        assert "no demo was made" in said
        assert "export KEY" not in said
        assert welcome(BASE, demo=False).count("\n") == 0
        assert len(told(app, "org", "list")["data"]) == 1


@ONCE
def test_a_database_without_organisations_says_what_to_do(home):
    with home.app() as app:
        app.test_cli_runner().invoke(args=["db", "upgrade"])
        assert "`flask init`" in welcome(BASE, demo=False)


def test_a_port_that_is_taken(steady):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        expected = f"Port {port} is taken by another program; choose another: PORT={port + 1}."
        assert refused(steady, "serve", "--port", str(port)) == expected
        assert refused(steady, "serve", PORT=str(port)) == expected
    assert "PORT" in refused(steady, "serve", PORT="http")
