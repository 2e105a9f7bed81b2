"""SIGTERM: not ready at once, then the port closes, and every request that has begun to arrive is answered."""

import json
import signal
import socket
import time

import pytest
import requests

from tests.cli.home import Home

GRACE = 3
LONGEST = 25


def opened(server):
    host, _, port = server.base.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=LONGEST)


def request_bytes(key, body):
    head = f"POST /api/v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def answer(link):
    with link, link.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        return status, stream.read().partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("workers", [1, 2])
def test_half_sent_requests_are_answered_and_readiness_goes_first(home: Home, key, workers):
    bodies = [json.dumps({"name": f"Customer {number}"}).encode() for number in range(4)]
    sent = [request_bytes(key, body) for body in bodies]
    # In the middle of the first line, of a header, of the body, and before the body's last byte.
    cuts = [9, 60, len(sent[2]) - 10, len(sent[3]) - 1]
    with home.gunicorn(workers=workers, threads=8, BILLHOOK_DRAIN_SECONDS=str(GRACE)) as server:
        assert requests.get(f"{server.base}/health/ready", timeout=LONGEST).status_code == 200
        links = [opened(server) for _ in sent]
        for link, whole, cut in zip(links, sent, cuts, strict=True):
            link.sendall(whole[:cut])
        time.sleep(0.3)
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        if workers == 1:  # of several processes one may not have heard of it yet
            probe = requests.get(f"{server.base}/health/ready", timeout=LONGEST)
            assert (probe.status_code, probe.json()["checks"]["accepting"]) == (503, False)
        assert server.call(key, "GET", "/me").status_code == 200, "it still answers while others learn of it"
        time.sleep(GRACE)
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{server.base}/health", timeout=2)
        for link, whole, cut in zip(links, sent, cuts, strict=True):
            link.sendall(whole[cut:])
        found = [answer(link) for link in links]
        assert [status for status, _ in found] == [201] * 4
        assert [json.loads(body)["name"] for _, body in found] == [json.loads(body)["name"] for body in bodies]
        assert server.process.wait(LONGEST) == 0
        assert time.monotonic() - started < LONGEST
    assert home.check()[1]["ok"] is True


def test_who_never_finishes_does_not_hold_the_process_beyond_its_time(home: Home, key):
    with home.gunicorn(workers=1, threads=8, BILLHOOK_DRAIN_SECONDS="0") as server:
        link = opened(server)
        link.sendall(request_bytes(key, b'{"name": "Never"}')[:-3])
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(LONGEST + 5) == 0
        link.close()
