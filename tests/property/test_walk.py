"""A random walk over HTTP, and after it three tellings of one story: what GET shows, the events, the audit log."""

from itertools import chain, count
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.cli.check import CHECKS
from app.data.tenancy import organization
from app.data.transaction import unit_of_work

LOOK_EVERY = 7
# What an answer works out from other things, which have events of their own.
DERIVED = {
    "api_key": {"last_used_at"},
    "customer": {"total_invoiced", "balance", "credit", "balances", "recent_invoices"},
    "settings": {"logo"},
    "draft": {"seller", "customer"},
}
# What an entry notes of its own event, and no state of the thing: an invoice is sent to somebody each time.
PER_EVENT = {"sent_to"}
PATHS = {
    "customer": "/customers",
    "item": "/items",
    "tax": "/taxes",
    "unit": "/units",
    "invoice": "/invoices",
    "api_key": "/api-keys",
}
NOUNS = {
    "create": [noun for noun in PATHS for _ in "12"],
    "change": PATHS,
    "delete": PATHS,
    "issue": ["invoice"],
    "send": ["invoice"],
    "settings": ["settings"],
}
# In which way a request is made; each is drawn for each step.
PLAIN, RETRIED, DRY, STALE, WRONG = MODES = ("plain", "retried", "dry", "stale", "wrong")
VERBS = ("create", "create", "change", "change", "delete", "issue", "send", "settings")
Step = st.tuples(
    st.sampled_from(VERBS),
    st.sampled_from([*PATHS, "invoice", "invoice"]),
    st.integers(0, 99),
    st.integers(1, 9999),
    st.sampled_from([PLAIN, PLAIN, RETRIED, *MODES]),
)


class Walk:
    """One organisation, what was done to it, and which events that must have made."""

    def __init__(self, client):
        self.client = client
        self.names = count(1)
        self.living: dict[str, dict[str, dict]] = {noun: {} for noun in PATHS}
        self.gone: set[tuple[str, str]] = set()
        self.own = client.get("/me").get_json()["key"]["id"]
        self.log = self.events()
        self.accepted = self.refused = 0
        self.look()

    # -- doing -----------------------------------------------------------------------------------------------------

    def step(self, verb, noun, pick, number, mode):
        asked = getattr(self, verb)(noun, pick, number)
        if asked is None:
            return
        method, path, body, expected = asked
        answer = getattr(self, f"_{mode}")(method, path, body)
        happened = answer.status_code < 300 and mode != DRY
        self.accepted += happened
        self.refused += not answer.status_code < 300
        assert answer.status_code < 500, answer.get_json()
        new = self.events(after=self.log[-1]["id"])
        found = [(each["event"], each["entity"]["id"]) for each in new]
        wanted = expected(answer.get_json(silent=True)) if happened else []
        assert found == wanted, f"{mode} {method} {path} {answer.status_code}"
        self.log += new

    def create(self, noun, pick, number):
        name = f"{noun} {next(self.names)}"
        bodies = {
            "customer": lambda: {
                "name": name,
                "email": f"c{number % 40}@acme.example" if number > 1 else None,
            },  # some are taken
            "item": lambda: {"name": name, "price": f"{number / 100:.2f}"},
            "tax": lambda: {"name": name, "rate": str(number % 30 + 1)},
            "unit": lambda: {"name": name},
            "api_key": lambda: {"name": name, "scopes": ["events:read"] if number % 5 else ["eat:all"]},
            "invoice": lambda: self._invoice(pick, number, name),
        }

        def expected(made):
            events = [(f"{noun}.created", made["id"])]
            if noun == "invoice" and (buyer := made["customer_id"]) not in self.known("customer"):
                events.insert(0, ("customer.created", buyer))
            return events

        return "POST", PATHS[noun], bodies[noun](), expected

    def _invoice(self, pick, number, name):
        line = {"name": name, "quantity": number % 7 + 1, "unit_price": f"{number / 100:.2f}", "tax_rate": "19"}
        buyer = self.pick("customer", pick)
        who = {"customer_id": buyer} if buyer and pick % 3 else {"customer": {"name": f"Buyer of {name}"}}
        return {**who, "lines": [line] * (number % 3 + 1)}

    def change(self, noun, pick, number):
        chosen = self.pick(noun, pick)
        if chosen is None:
            return None
        body = {
            "customer": {"phone": f"+49 {number}", "email": f"c{number % 40}@acme.example"},
            "item": {"price": f"{number / 100:.2f}"},
            "tax": {"name": f"Renamed {next(self.names)}"},
            "unit": {"name": f"Renamed {next(self.names)}"},
            "api_key": {"name": f"Renamed {next(self.names)}"},
            "invoice": {"reference": f"PO {number}"} if number % 3 else {"notes": f"Note {number}"},
        }[noun]
        return "PATCH", f"{PATHS[noun]}/{chosen}", body, lambda _: [(f"{noun}.updated", chosen)]

    def delete(self, noun, pick, number):
        chosen = self.pick(noun, pick)
        if chosen is None:
            return None
        gone = noun == "api_key" and self.living[noun][chosen].get("revoked_at")
        name = "api_key.revoked" if noun == "api_key" else f"{noun}.deleted"
        return "DELETE", f"{PATHS[noun]}/{chosen}", None, lambda _: [] if gone else [(name, chosen)]

    def issue(self, noun, pick, number):
        chosen = self.pick("invoice", pick)
        return chosen and ("POST", f"/invoices/{chosen}/issue", None, lambda _: [("invoice.issued", chosen)])

    def send(self, noun, pick, number):
        chosen = self.pick("invoice", pick)
        body = {"to": [f"to{number}@acme.example"]}
        return chosen and ("POST", f"/invoices/{chosen}/send", body, lambda _: [("invoice.sent", chosen)])

    def settings(self, noun, pick, number):
        body = {"invoice_notes": f"Thanks {number}"} if number % 4 else {"currency": "ZZZ"}
        return "PATCH", "/settings", body, lambda _: [("settings.updated", self.settings_id())]

    # -- in which way ----------------------------------------------------------------------------------------------

    def _plain(self, method, path, body):
        return self.client.open(method, path, json=body)

    def _retried(self, method, path, body):
        key = {"Idempotency-Key": f"walk-{next(self.names)}"}
        first = self.client.open(method, path, json=body, headers=key)
        again = self.client.open(method, path, json=body, headers=key)
        if first.status_code < 300:
            assert (again.status_code, again.data) == (first.status_code, first.data)
            assert again.headers["Idempotent-Replayed"] == "true"
            other = self.client.open(method, f"{path}?dry_run=false", json=body, headers=key)
            assert other.status_code == 422, "another request under the same key"
        else:
            assert again.status_code == first.status_code
        return first

    def _dry(self, method, path, body):
        return self.client.open(method, f"{path}?dry_run=true", json=body)

    def _stale(self, method, path, body):
        answer = self.client.open(method, path, json=body, headers={"If-Match": '"of-yesterday"'})
        assert answer.status_code >= 400 or (method == "POST" and path.count("/") == 1), answer.status_code
        return answer

    def _wrong(self, method, path, body):
        if body is None:
            path = f"{path.rpartition('/')[0]}/{UUID(int=7)}" if method == "DELETE" else f"{path}?dry_run=perhaps"
            answer = self.client.open(method, path)
        else:
            answer = self.client.open(method, path, json={**body, "no_such_field": 1})
        assert answer.status_code in {404, 409, 422}, answer.get_json()
        return answer

    # -- looking ---------------------------------------------------------------------------------------------------

    def known(self, noun):
        return self.living[noun].keys() | {key for kind, key in self.gone if kind == noun}

    def pick(self, noun, pick):
        known = [
            *sorted(self.living[noun].keys() - {self.own}),
            *sorted(key for kind, key in self.gone if kind == noun)[:1],
        ]
        return known[pick % len(known)] if known else None

    def settings_id(self):
        return next(each["entity"]["id"] for each in reversed(self.events()) if each["entity"]["type"] == "settings")

    def events(self, **query):
        found, after = [], query.get("after")
        while True:
            path = f"/events?limit=100&after={after}" if after else "/events?limit=100"
            page = self.client.get(path).get_json()["data"]
            if not page:
                return found
            found += page
            after = page[-1]["id"]

    def audit(self):
        found, page = [], self.client.get("/audit-log?limit=100&sort=seq").get_json()
        while True:
            found += page["data"]
            if not page["links"]["next"]:
                return found
            page = self.client.get(page["links"]["next"].partition("/api/v1")[2]).get_json()

    def look(self):
        """Everything that can be said after a step: three tellings agree, and every invariant holds."""
        log = self.events()
        assert log == self.log
        assert [each["seq"] for each in log] == list(range(1, len(log) + 1))
        self._replayed(log)
        self._audited(log)
        verified = self.client.get("/audit-log/verify").get_json()
        assert (verified["valid"], verified["entries"]) == (True, len(log)), verified
        with self.client.app.app_context(), organization(self.client.org_id, "UTC"), unit_of_work(write=False):
            assert list(chain.from_iterable(rules() for rules in CHECKS)) == []

    def _replayed(self, log):
        """The last data of each thing is what GET shows, what was deleted is gone, and lists show nothing else."""
        last = {(each["entity"]["type"], each["entity"]["id"]): each for each in log}
        self.living, self.gone = {noun: {} for noun in PATHS}, set()
        for (noun, key), each in last.items():
            if noun == "settings":
                assert plain(noun, self.client.get("/settings").get_json()) == plain(noun, each["data"])
                continue
            if noun not in PATHS:
                continue
            shown = self.client.get(f"{PATHS[noun]}/{key}")
            if each["event"].endswith(".deleted"):
                assert shown.status_code == 404
                self.gone.add((noun, key))
            else:
                assert plain(noun, shown.get_json()) == plain(noun, each["data"])
                self.living[noun][key] = each["data"]
        for noun, path in PATHS.items():
            listed = self.client.get(f"{path}?limit=100").get_json()["data"]
            assert {row["id"] for row in listed} == self.living[noun].keys(), noun

    def _audited(self, log):
        """Each entry is its event's twin, and what it says was before is what was shown or said before."""
        entries = self.audit()
        assert [(one["id"], one["action"], one["entity"]) for one in entries] == [
            (one["id"], one["event"], one["entity"]) for one in log
        ]
        shown, said = {}, {}
        for entry, event in zip(entries, log, strict=True):
            key = entry["entity"]["id"]
            if entry["before"] is not None:
                known = {**shown.get(key, {}), **said.get(key, {})}
                for name in known.keys() & entry["before"].keys() - PER_EVENT:
                    assert same(entry["before"][name], known[name]), (event["event"], name)
                assert entry["before"].keys() == entry["after"].keys()
                assert all(entry["before"][name] != entry["after"][name] for name in entry["before"])
                said.setdefault(key, {}).update(entry["after"])
            elif event["event"].endswith(".created"):
                assert entry["after"] == event["data"]
            shown[key] = event["data"]
            said[key] = {name: value for name, value in said.get(key, {}).items() if name not in event["data"]}


def plain(noun, data):
    """What of a thing is its own."""
    kept = DERIVED.get(noun, set()) | (DERIVED["draft"] if noun == "invoice" and not data["issued_at"] else set())
    return {name: value for name, value in data.items() if name not in kept}


def same(noted, shown):
    """Whether the audit log, which writes columns, and an answer, which shows more, say the same."""
    if isinstance(noted, list) and isinstance(shown, list):
        return len(noted) == len(shown) and all(same(*pair) for pair in zip(noted, shown, strict=True))
    if isinstance(noted, dict) and isinstance(shown, dict):
        return all(same(noted[name], shown[name]) for name in noted.keys() & shown.keys())
    return noted == shown


def begin(client):
    """A walk that has done everything once, so that the dice decide only in which order and way it is done again."""
    walk = Walk(client)
    for verbs in (("create",), ("change", "issue", "settings"), ("send",), ("delete",)):
        for verb in verbs:
            for noun in NOUNS[verb]:
                walk.step(verb, noun, int(verb == "delete"), 1, PLAIN)
        walk.look()
    assert walk.refused == 0
    for mode in (RETRIED, DRY, STALE, WRONG):
        for noun in PATHS:
            walk.step("change", noun, 0, 1, mode)
    assert walk.refused == 2 * len(PATHS), "of what is asked for in a stale or a wrong way, nothing is done"
    return walk


def run(make_client, steps):
    walk = begin(make_client())
    for number, step in enumerate(steps, 1):
        walk.step(*step)
        if number % LOOK_EVERY == 0:
            walk.look()
    walk.look()


@settings(
    max_examples=3,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a walk takes its time; who wants the shortest one adds Phase.shrink
    suppress_health_check=list(HealthCheck),
)
@given(steps=st.lists(Step, min_size=25, max_size=35))
def test_events_audit_and_state_tell_one_story(make_client, steps):
    run(make_client, steps)
