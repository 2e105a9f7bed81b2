"""Numbers under fire: many issues at once, and servers that die in the middle of them."""

import itertools
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.cli.home import kill

AT_ONCE = 20
ROUNDS = 3
DRAFTS_A_ROUND = 24
KILL_AFTER = 5


def issue_at_once(server, key, ids):
    """Issue all of these from as many threads, which start together; the answers, in the order of the ids."""
    together = threading.Barrier(len(ids))

    def issue(invoice_id):
        together.wait()
        return server.call(key, "POST", f"/invoices/{invoice_id}/issue")

    with ThreadPoolExecutor(len(ids)) as pool:
        return list(pool.map(issue, ids))


def audit(server, key):
    """What the series' audit says, which must be that nothing is missing."""
    series = server.call(key, "GET", "/number-series?kind=invoice").json()["data"][0]["id"]
    found = server.call(key, "GET", f"/number-series/{series}/audit?limit=100").json()
    assert found["complete"] is True, found
    assert found["missing"] == found["duplicates"] == found["without_document"] == []
    return found


def consecutive(count):
    return [f"INV-{place:04}" for place in range(1, count + 1)]


def test_twenty_issues_at_once_get_twenty_consecutive_numbers(home, key, server, make_drafts):
    ids = make_drafts(server, AT_ONCE)
    answers = issue_at_once(server, key, ids)
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    assert sorted(answer.json()["number"] for answer in answers) == consecutive(AT_ONCE)
    assert audit(server, key)["numbers"] == AT_ONCE
    assert home.check()[1]["findings"] == []


def test_twenty_issues_of_one_draft_issue_it_once(home, key, server, make_drafts):
    (invoice,) = make_drafts(server, 1)
    answers = issue_at_once(server, key, [invoice] * AT_ONCE)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * (AT_ONCE - 1)
    (accepted,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert accepted["number"] == "INV-0001"
    shown = server.call(key, "GET", f"/invoices/{invoice}").json()
    assert (shown["number"], shown["issued_at"]) == ("INV-0001", accepted["issued_at"])
    assert audit(server, key)["numbers"] == 1
    assert home.check()[1]["findings"] == []


def issue_until_killed(server, key, ids):
    """Issue these from eight threads and kill the server, all its processes, after a few answers: {id: number}."""
    waiting, acknowledged = queue.SimpleQueue(), {}
    enough, count = threading.Event(), itertools.count(1)
    for invoice_id in ids:
        waiting.put(invoice_id)

    def issue():
        try:
            while True:
                invoice_id = waiting.get_nowait()
                answer = server.call(key, "POST", f"/invoices/{invoice_id}/issue")
                assert answer.status_code == 200, answer.text
                acknowledged[invoice_id] = answer.json()["number"]
                if next(count) == KILL_AFTER:
                    enough.set()
        except (queue.Empty, requests.RequestException):  # killed before, or in the middle of, an answer
            enough.set()

    with ThreadPoolExecutor(8) as pool:
        threads = [pool.submit(issue) for _ in range(8)]
        assert enough.wait(60)
        kill(server.process)
    for thread in threads:
        thread.result()
    return acknowledged


def test_servers_killed_in_a_burst_lose_no_issue_and_no_number(home, key, fleet, make_drafts):
    promised = {}
    for number in range(1, ROUNDS + 1):
        victim = fleet.running()
        promised |= issue_until_killed(victim, key, make_drafts(victim, DRAFTS_A_ROUND))
        assert len(promised) >= KILL_AFTER * number
    server = fleet.running()
    kept = server.call(key, "GET", "/invoices?limit=100").json()["data"]
    issued = {row["id"]: row["number"] for row in kept if row["state"] == "issued"}
    assert len(kept) == ROUNDS * DRAFTS_A_ROUND
    assert promised.items() <= issued.items(), "an answer was given for what was then lost"
    assert all(row["number"] is None for row in kept if row["state"] == "draft")
    assert audit(server, key)["numbers"] == len(issued)
    for row in kept:
        if row["state"] == "draft":
            issued[row["id"]] = server.call(key, "POST", f"/invoices/{row['id']}/issue").json()["number"]
    assert sorted(issued.values()) == consecutive(ROUNDS * DRAFTS_A_ROUND)
    assert audit(server, key)["numbers"] == ROUNDS * DRAFTS_A_ROUND
    assert home.check()[1]["findings"] == []
