"""A running installation under load that loses its processes, its Redis or its receiver, and what must hold afterwards.

Clients do what careful callers do: every change has an Idempotency-Key, and whoever got no answer asks again under the
same key until there is one. A promise that broke is a sentence, so that a long run can go on and tell it at its end.
"""

import itertools
import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any, Self

import requests

from app.cli.organizations import make
from app.cli.serve import server_command
from app.data.tenancy import crossing
from app.data.transaction import unit_of_work
from tests.cli.home import ROOT, Home, Server, kill
from tests.support.receivers import Receiver, Seen
from tests.support.smtp import mail_server

SUBSCRIBED = ("customer.*", "invoice.*")
DELAYS = ", ".join(["0", *["1"] * 29])
DELIVERED_WITHIN = 60
MAILED_WITHIN = 240  # who died with a letter in hand may still be speaking with the mail server for two minutes
CLIENTS = 4
PATIENCE = 60


@dataclass
class Done:
    """A change that a client wanted, and the answer that it got in the end."""

    key: str
    method: str
    path: str
    body: Any
    answer: bytes
    tries: int


@dataclass
class Storm:
    """An installation with its processes, its clients and its receiver."""

    home: Home
    redis_url: str = ""
    workers: int = 0
    smtp: bool = False
    application: str = "tests.crash.hasty"

    def __post_init__(self) -> None:
        with self.home.app(), crossing("a test makes its organisation"), unit_of_work():
            self.key = make("Storm GmbH", None, None, {}).secret
        self.lock = threading.Lock()
        self.stack = ExitStack()
        self.receiver = Receiver()
        self.stack.callback(lambda: self.receiver.close())  # noqa: PLW0108 - a later one may stand in its place
        self.post = self.stack.enter_context(mail_server()) if self.smtp else None
        self.listener = self.stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
        self.server = Server(f"http://127.0.0.1:{self.listener.getsockname()[1]}", None)  # type: ignore[arg-type]
        self.web: subprocess.Popen[Any] | None = None
        self.hands: list[subprocess.Popen[Any]] = []
        self.done: list[Done] = []
        self.refusals: list[str] = []
        self.slowest = 0.0
        self.kills = self.lost_answers = 0
        self.recovery = self.mailed = 0.0
        self.found: list[str] = []
        self.earlier: set[Path] = set()
        self.earlier = self._letters()
        self.stopping = threading.Event()
        self.numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self.start()
        made = self.ask("POST", "/webhooks", {"url": self.receiver.url, "events": list(SUBSCRIBED)})
        self.first = self.events()[-1]["seq"] + 1
        assert made["active"]
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for process in [self.web, *self.hands]:
            if process is not None:
                kill(process)
        self.stack.close()

    # -- processes ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start what does not live, and wait until it answers."""
        if self.web is None or self.web.poll() is not None:
            bind = f"fd://{self.listener.fileno()}"
            command = server_command(bind, workers=1 if self.home.kind == "sqlite" else 2, threads=8)
            self.web = self._run([*command[:-1], f"{self.application}:serve_app()"], self.listener.fileno())
        self.hands = [each for each in self.hands if each.poll() is None]
        while len(self.hands) < self.workers:
            self.hands.append(self._run([sys.executable, "-m", "flask", "worker"]))
        assert requests.get(f"{self.server.base}/health", timeout=PATIENCE).status_code == 200

    def kill(self, *victims: str) -> None:
        """SIGKILL to the web's processes, to a worker, or to all of them at once."""
        for process in ([self.web] if "web" in victims else []) + (self.hands if "worker" in victims else []):
            if process is not None:
                kill(process)
                self.kills += 1

    def _run(self, command: list[str], *pass_fds: int) -> "subprocess.Popen[Any]":
        sees = self.home.environment | {
            "FLASK_APP": self.application,
            "PYTHONPATH": str(ROOT),
            "BILLHOOK_EGRESS_ALLOW": "127.0.0.0/8",
            "BILLHOOK_WEBHOOK_RETRY_DELAYS": DELAYS,
            "BILLHOOK_LOG_LEVEL": "WARNING",
            **({"BILLHOOK_REDIS_URL": self.redis_url} if self.redis_url else {}),
            **({"BILLHOOK_SMTP_URL": f"smtp://127.0.0.1:{self.post.port}"} if self.post else {}),
        }
        with (self.home.instance / "storm.log").open("ab") as log:
            return subprocess.Popen(
                command, env=sees, cwd=ROOT, stdout=log, stderr=log, pass_fds=pass_fds, start_new_session=True
            )

    # -- clients -----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A change that is asked for until it is answered. Anything but 2xx is a promise broken."""
        key = f"storm-{next(self.numbers)}"
        for tries in itertools.count(1):
            began = time.monotonic()
            try:
                answer = self.server.call(self.key, method, path, body, {"Idempotency-Key": key})
            except requests.RequestException:
                with self.lock:
                    self.lost_answers += 1
                time.sleep(0.05)
                continue
            if answer.status_code == 409 and "Retry-After" in answer.headers and tries < PATIENCE * 10:
                time.sleep(0.1)
                continue
            with self.lock:
                self.slowest = max(self.slowest, time.monotonic() - began)
                if answer.ok:
                    self.done.append(Done(key, method, path, body, answer.content, tries))
                    return answer.json()
                self.refusals.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
                raise RefusedError(self.refusals[-1])
        raise AssertionError

    def _client(self) -> None:
        line = {"name": "Consulting", "quantity": 3, "unit_price": "33.33", "tax_rate": 19}
        with suppress(RefusedError):
            while not self.stopping.is_set():
                number = next(self.numbers)
                buyer = self.ask("POST", "/customers", {"name": f"C{number}", "email": f"c{number}@acme.example"})
                draft = self.ask("POST", "/invoices", {"customer_id": buyer["id"], "lines": [line]})
                self.ask("PATCH", f"/invoices/{draft['id']}", {"reference": f"PO {number}"})
                self.ask("POST", f"/invoices/{draft['id']}/issue")
                if number % 3 == 0:
                    self.ask("POST", f"/invoices/{draft['id']}/send", {"attach": "link" if number % 2 else "pdf"})

    @contextmanager
    def load(self) -> Iterator[None]:
        """Clients at work for the length of a block; each ends with an answer."""
        self.stopping.clear()
        threads = [threading.Thread(target=self._client, daemon=True) for _ in range(CLIENTS)]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            self.stopping.set()
            for each in threads:
                each.join(PATIENCE)
        assert not any(each.is_alive() for each in threads), "a client never got its answer"

    # -- looking -----------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        answer = self.server.call(self.key, "GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def every(self, path: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        page = self.get(f"{path}?limit=100")
        while True:
            found += page["data"]
            if not page["links"]["next"]:
                return found
            page = self.get(page["links"]["next"].partition("/api/v1")[2])

    def events(self) -> list[dict[str, Any]]:
        """The whole log."""
        found = self.get("/events?limit=100")["data"]
        while page := self.get(f"/events?limit=100&after={found[-1]['id']}")["data"]:
            found += page
        return found

    def arrived(self) -> dict[str, list[Seen]]:
        """What the receiver got, by the event's id. Who was killed while it spoke has delivered nothing."""
        found = defaultdict(list)
        for seen in list(self.receiver.seen):
            if "content-length" in seen.headers and len(seen.body) == int(seen.headers["content-length"]):
                found[seen.headers["webhook-id"]].append(seen)
        return found

    def wait_for(self, condition: Callable[[], bool], seconds: float = DELIVERED_WITHIN) -> bool:
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True

    def owed(self, log: list[dict[str, Any]] | None = None) -> set[str]:
        """The events that the receiver must get."""
        rows = self.events() if log is None else log
        return {each["id"] for each in rows if each["seq"] >= self.first and each["event"].partition(".")[0] in NOUNS}

    def broken(self) -> list[str]:
        """Wait for what is due, and every promise that does not hold."""
        began = time.monotonic()
        log = self.events()
        owed = self.owed(log)
        self.wait_for(lambda: owed <= self.arrived().keys())
        self.recovery = time.monotonic() - began
        self.wait_for(lambda: all(each["state"] == "sent" for each in self.every("/communications")), MAILED_WITHIN)
        self.mailed = time.monotonic() - began
        found = list(self.refusals)
        found += self._writes(log) + self._chain(log) + self._deliveries(log, owed) + self._mails() + self._repeated()
        code, answer = self.home.check()
        return found + ([] if code == 0 else [f"flask check: {answer['findings'][:5]}"])

    def _writes(self, log: list[dict[str, Any]]) -> list[str]:
        """What was acknowledged is there, once, and has its one event; nothing else is there."""
        shown = {row["id"]: row for path in ("/customers", "/invoices") for row in self.every(path)}
        messages = {row["id"] for row in self.every("/communications")}
        events = Counter((each["event"], each["entity"]["id"]) for each in log if each["seq"] >= self.first)
        wanted: Counter[tuple[str, str]] = Counter()
        found = []
        for each in self.done:
            said, verb = json.loads(each.answer), each.path.rpartition("/")[2]
            if each.path == "/webhooks":
                continue
            if verb == "send":
                wanted["invoice.sent", said["invoice_id"]] += 1
                if said["id"] not in messages:
                    found.append(f"an acknowledged message is lost: {said['id']}")
                continue
            noun = "customer" if each.path == "/customers" else "invoice"
            name = "issued" if verb == "issue" else "updated" if each.method == "PATCH" else "created"
            wanted[f"{noun}.{name}", said["id"]] += 1
            now = shown.get(said["id"])
            if now is None:
                found.append(f"an acknowledged {noun} is lost: {said['id']}")
            elif verb == "issue" and (now["number"], now["state"]) != (said["number"], "issued"):
                found.append(f"an acknowledged issue is lost: {said['id']}")
        if events != wanted:
            found.append(f"events without change: {events - wanted}; changes without event: {wanted - events}")
        for name, rows in (("message", messages), ("customer or invoice", shown)):
            verbs = ("send",) if name == "message" else ("customers", "invoices")
            count = sum(each.path.rpartition("/")[2] in verbs for each in self.done)
            if len(rows) != count:
                found.append(f"{len(rows)} {name} where {count} were asked for")
        return found

    def _chain(self, log: list[dict[str, Any]]) -> list[str]:
        found = []
        if [each["seq"] for each in log] != list(range(1, len(log) + 1)):
            found.append("the log has a gap")
        if not (verified := self.get("/audit-log/verify"))["valid"]:
            found.append(f"the chain does not hold: {verified}")
        return found

    def _deliveries(self, log: list[dict[str, Any]], owed: set[str]) -> list[str]:
        arrived, found = self.arrived(), []
        if missing := owed - arrived.keys():
            found.append(f"{len(missing)} of {len(owed)} events not delivered within {DELIVERED_WITHIN} s")
        if invented := arrived.keys() - {each["id"] for each in log}:
            found.append(f"{len(invented)} deliveries of what did not happen")
        for event, seen in arrived.items():
            if (count := len({each.headers["x-webhook-delivery-id"] for each in seen})) != 1:
                found.append(f"event {event} came with {count} delivery ids")
            if (count := len({each.body for each in seen})) != 1:
                found.append(f"event {event} came with {count} bodies")
        places = {each["id"]: (each["entity"]["id"], each["seq"]) for each in log}
        stood: dict[str, int] = {}
        for event in arrived:  # in the order of their first arrival
            entity, seq = places.get(event, ("", 0))
            if seq < stood.get(entity, 0):
                found.append(f"event {event} came after a later one of the same object")
            stood[entity] = max(seq, stood.get(entity, 0))
        return found

    def _mails(self) -> list[str]:
        """Every message that was meant is sent, as one letter with its own Message-ID, however often it went out."""
        rows = self.every("/communications")
        found = [f"message {row['id']} is {row['state']}: {row['error']}" for row in rows if row["state"] != "sent"]
        letters = defaultdict(set)
        for raw in [each.raw for each in self.post.received] if self.post else map(Path.read_bytes, self._letters()):
            letters[str(BytesParser(policy=policy.default).parsebytes(raw)["Message-ID"])].add(raw)
        if several := [name for name, raw in letters.items() if len(raw) > 1]:
            found.append(f"letters of several contents: {several[:5]}")
        if wrong := letters.keys() ^ {row["message_id"] for row in rows}:
            found.append(f"letters and messages differ: {sorted(wrong)[:5]}")
        if not self.post and len(self._letters()) != len(rows):
            found.append(f"{len(self._letters())} files of {len(rows)} messages")
        return found

    def _letters(self) -> set[Path]:
        return set((self.home.instance / "mail").glob("*.eml")) - self.earlier

    def _repeated(self) -> list[str]:
        """Every request once more, as it was: the same answer, and nothing happens."""
        found = []
        for each in random.sample(self.done, min(len(self.done), 40)):
            answer = self.server.call(self.key, each.method, each.path, each.body, {"Idempotency-Key": each.key})
            if answer.content != each.answer or "Idempotent-Replayed" not in answer.headers:
                found.append(f"a repeated {each.method} {each.path} was not replayed")
        return found


NOUNS = {name.partition(".")[0] for name in SUBSCRIBED}


class RefusedError(Exception):
    """An answer that is none of 2xx."""
