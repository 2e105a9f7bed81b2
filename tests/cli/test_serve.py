"""`flask serve`: what it prints is true and works when it is pasted; a signal ends it soon."""

import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
import requests

LINES = [{"name": "Consulting", "quantity": 12, "unit_price": "750.00"}]


def key_in(text):
    return re.search(r"^export KEY=(bh_live_\w+)$", text, re.MULTILINE)[1]


def paste(text, folder):
    """Run lines as a newcomer pastes them."""
    if not shutil.which("curl") or not shutil.which("bash"):
        pytest.skip("pasting needs bash and curl")
    command = ["bash", "-euo", "pipefail", "-c", text]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=True).stdout


def test_from_an_empty_database_to_an_issued_invoice(home, tmp_path):
    with home.serve("--demo") as server:
        key = key_in(server.said)
        assert requests.get(f"{server.base}/health/ready", timeout=9).json()["status"] == "ready"
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
        server.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        assert server.process.wait(5) == 0
        assert time.monotonic() - started < 5
    assert home.check()[0] == 0


def test_a_second_start_makes_a_fresh_key_and_no_second_demo(demo):
    with demo.serve("--demo") as server:
        first = key_in(server.said)
    with demo.serve("--demo") as server:
        second = key_in(server.said)
        assert server.call(first, "GET", "/me").status_code == 401
        assert server.call(second, "GET", "/me").json()["organization"]["name"] == "Demo Studio GmbH"
        assert server.call(second, "GET", "/customers").json()["meta"]["total"] == 5
        keys = server.call(second, "GET", "/api-keys?revoked=false").json()["data"]
        assert [key["name"] for key in keys] == ["demo"]


def test_an_idle_connection_does_not_hold_the_server_up(demo):
    with demo.serve() as server, requests.Session() as session:
        assert "flask key create" not in server.said
        assert session.get(f"{server.base}/health", timeout=9).status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == 0


def test_without_a_demo_nothing_is_made(home):
    with home.serve() as server:
        assert "`flask init`" in server.said
    assert home.made("org", "list") == {"data": []}


def test_a_database_with_organisations_gets_no_demo(home):
    home.made("init")
    with home.serve("--demo") as server:
        assert "no demo was made" in server.said
    assert len(home.made("org", "list")["data"]) == 1


@pytest.mark.parametrize("by_variable", [True, False])
def test_a_port_that_is_taken(demo, by_variable):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = demo.flask("serve", PORT=str(port)) if by_variable else demo.flask("serve", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == f"billhook: Port {port} is taken by another program; choose another: PORT={port + 1}.\n"


def test_a_port_variable_that_is_no_port(demo):
    done = demo.flask("serve", PORT="http")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "PORT" in done.stderr
