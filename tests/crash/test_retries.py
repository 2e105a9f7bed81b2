"""Retries under fire: twenty duplicates at once, and servers that die in the middle of keyed requests."""

import itertools
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.cli.home import kill

AT_ONCE = 20
ROUNDS = 3
REQUESTS_A_ROUND = 40
KILL_AFTER = 6


def at_once(send):
    """What `send` returns to twenty threads that start together."""
    together = threading.Barrier(AT_ONCE)

    def run(_):
        together.wait()
        return send()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def one_answer(answers):
    """The one answer that all who were not told to come back got."""
    done = [answer for answer in answers if answer.status_code != 409]
    assert all(answer.headers["Retry-After"] == "1" for answer in answers if answer.status_code == 409)
    assert len(done) >= 1
    assert len({(answer.status_code, answer.content) for answer in done}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in done) == 1
    return done[0]


def test_twenty_duplicates_make_one_customer(home, key, server):
    body = {"name": "Acme Corp"}
    answers = at_once(lambda: server.call(key, "POST", "/customers", body, {"Idempotency-Key": "one"}))
    made = one_answer(answers)
    assert made.status_code == 201
    found = server.call(key, "GET", "/customers").json()["data"]
    assert [row["id"] for row in found] == [made.json()["id"]]
    assert server.call(key, "POST", "/customers", body, {"Idempotency-Key": "one"}).content == made.content


def test_twenty_duplicates_issue_once_and_all_see_the_number(home, key, server, make_drafts):
    (draft,) = make_drafts(server, 1)
    answers = at_once(lambda: server.call(key, "POST", f"/invoices/{draft}/issue", None, {"Idempotency-Key": "issue"}))
    issued = one_answer(answers)
    assert (issued.status_code, issued.json()["number"]) == (200, "INV-0001")
    assert home.check()[1]["findings"] == []


@pytest.mark.parametrize("path", ["/calculate", "/invoices/{draft}/pdf"])
def test_twenty_duplicates_of_what_stores_nothing_see_one_answer(key, server, make_drafts, path):
    (draft,) = make_drafts(server, 1)
    body = {"lines": [{"name": "Consulting", "unit_price": "750"}]} if path == "/calculate" else None
    answers = at_once(lambda: server.call(key, "POST", path.format(draft=draft), body, {"Idempotency-Key": path}))
    assert one_answer(answers).ok


def make_until_killed(server, key, words):
    """Make a customer for each word from eight threads, and kill the server after a few answers: {word: body}."""
    waiting, acknowledged = queue.SimpleQueue(), {}
    enough, count = threading.Event(), itertools.count(1)
    for word in words:
        waiting.put(word)

    def make():
        try:
            while True:
                word = waiting.get_nowait()
                answer = server.call(key, "POST", "/customers", {"name": word}, {"Idempotency-Key": word})
                assert answer.status_code == 201, answer.text
                acknowledged[word] = answer.content
                if next(count) == KILL_AFTER:
                    enough.set()
        except (queue.Empty, requests.RequestException):  # killed before, or in the middle of, an answer
            enough.set()

    with ThreadPoolExecutor(8) as pool:
        threads = [pool.submit(make) for _ in range(8)]
        assert enough.wait(60)
        kill(server.process)
    for thread in threads:
        thread.result()
    return acknowledged


def test_whoever_retries_after_a_kill_has_done_it_once(home, key, fleet):
    words = [f"{turn}-{number}" for turn in range(ROUNDS) for number in range(REQUESTS_A_ROUND)]
    promised = {}
    for turn in range(ROUNDS):
        mine = words[turn * REQUESTS_A_ROUND : (turn + 1) * REQUESTS_A_ROUND]
        promised |= make_until_killed(fleet.running(), key, mine)
    assert len(promised) >= ROUNDS * KILL_AFTER
    server = fleet.running()
    answers = {
        word: server.call(key, "POST", "/customers", {"name": word}, {"Idempotency-Key": word}) for word in words
    }
    assert {answer.status_code for answer in answers.values()} == {201}
    assert all(answers[word].content == body for word, body in promised.items()), "another answer than the first time"
    kept = [
        row for page in (1, 2) for row in server.call(key, "GET", f"/customers?limit=100&page={page}").json()["data"]
    ]
    assert sorted(row["name"] for row in kept) == sorted(words), "an effect is missing, or was had twice"
    assert {row["id"] for row in kept} == {answer.json()["id"] for answer in answers.values()}
