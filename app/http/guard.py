"""The guard: `requires` and `public` are the only ways into the application.

An endpoint runs in four steps, always in this order: who is it (401), does the tier open it (402), does the key hold
the scope (403) - all before the body is read - and then the view inside one transaction for one organisation. A change
may be asked for once, for trial, or under a condition: see change.py. The marker left on the function feeds the OpenAPI
document, so what is documented is what is enforced.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec

import uuid6
from flask import Flask, Response, current_app, g, request

from app.data.tenancy import organization
from app.data.transaction import unit_of_work
from app.http.change import DRY, Change, read_change
from app.http.errors import Forbidden, Invalid, NotFound, SubscriptionRequired
from app.http.etags import insist_on_check
from app.http.idempotency import answer_once
from app.http.parsing import refuse_body
from app.http.principal import access

P = ParamSpec("P")
View = Callable[P, Response]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOWEST_TIER = "free"
MAX_REQUEST_ID = 128
API = "/api/v1"
DRY_RUN = "Dry-Run"
SLOWEST_READ = 10.0  # seconds a caller may keep us waiting for the next piece of a body


@dataclass(frozen=True, kw_only=True)
class Guard:
    """What an endpoint asks of its caller. `reason`: why it is public; `writes` overrides what the verb says.

    `secret`: the answer holds one, so that what is kept of it for a retry is encrypted.
    """

    scope: str | None = None
    tier: str = LOWEST_TIER
    public: bool = False
    reason: str = ""
    writes: bool | None = None
    secret: bool = False


def requires(
    *, scope: str | None, tier: str = LOWEST_TIER, writes: bool | None = None, secret: bool = False
) -> Callable[[View[P]], View[P]]:
    """Mark a view: callers need a key, this tier or a higher one, and this scope (None: any key will do).

    `writes=False` on an unsafe verb that stores nothing (a calculation, a rendering) keeps it off the write lock.
    `secret=True` where the answer shows a secret this once.
    """
    return _mark(Guard(scope=scope, tier=tier, writes=writes, secret=secret))


def public(reason: str) -> Callable[[View[P]], View[P]]:
    """Mark a view that needs no key, and say why."""
    if not reason:
        raise ValueError("a public endpoint states its reason")
    return _mark(Guard(public=True, reason=reason))


def _mark(guard: Guard) -> Callable[[View[P]], View[P]]:
    def decorate(view: View[P]) -> View[P]:
        if isinstance(view, type):
            raise TypeError("a route is a function; a view class has no place for the guard")

        reads_query, reads_body = _reads(view, "query"), _reads(view, "json")

        @functools.wraps(view)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> Response:
            safe = request.method in SAFE_METHODS
            writes = not safe if guard.writes is None else guard.writes
            if guard.public:
                with unit_of_work(write=writes):
                    return view(*args, **kwargs)
            check(guard)
            change = g.change = None if safe else read_change(request, writes=writes)
            if request.args and not reads_query:
                _refuse_parameters(set() if safe else {DRY})
            if not reads_body and not safe:
                refuse_body(request)
            with organization(g.principal.org_id, g.principal.timezone):
                if change:
                    return _perform(change, guard, lambda: view(*args, **kwargs))
                with unit_of_work(write=writes):
                    return view(*args, **kwargs)

        wrapper.guard, wrapper.guards = guard, wrapper  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _refuse_parameters(known: set[str]) -> None:
    if unknown := set(request.args) - known:
        raise Invalid(dict.fromkeys(sorted(unknown), "Is no parameter of this operation."))


def _perform(change: Change, guard: Guard, view: Callable[[], Response]) -> Response:
    """A change, as it was asked for: for trial, once, or plainly."""

    def work() -> Response:
        response = view()
        insist_on_check(change)
        return response

    if change.key is not None and not change.dry:
        return answer_once(change.key, work, writes=change.locks, secret=guard.secret)
    with unit_of_work(write=change.locks, dry=change.dry):
        return work()


def _reads(view: object, location: str) -> bool:
    """Whether the view declares a schema for the query or the body; its schema refuses what is unknown by itself."""
    declared = getattr(view, "_apidoc", {}).get("arguments", {}).get("parameters", ())
    return any(parameter["in"] == location for parameter in declared)


def is_guard(view: object) -> bool:
    """Whether a view is the guard itself: wraps() copies its marks onto whatever is laid over it."""
    return getattr(view, "guards", None) is view


def check(guard: Guard) -> None:
    """Raise SubscriptionRequired or Forbidden unless the request's principal satisfies the guard."""
    who = g.principal
    if not access().tier_opens(who.tier, guard.tier):
        feature = (request.blueprint or "").replace("_", "-")
        raise SubscriptionRequired(
            f"This needs the {guard.tier} tier; the organisation is on {who.tier}.",
            details={"feature": feature, "tier": who.tier, "required_tier": guard.tier},
        )
    wanted = [guard.scope] if guard.scope else []
    if missing := who.missing_scopes(wanted):
        raise Forbidden(f"The key lacks the scope {missing[0]}.", details={"required_scopes": wanted})


def marker_of(endpoint: str | None) -> Guard | None:
    """The guard on an endpoint's view, or None where there is no view or no marker."""
    view = current_app.view_functions.get(endpoint or "")
    return getattr(view, "guard", None)


def init_app(app: Flask) -> None:
    """Resolve the principal before anything else looks at the request; refuse views that carry no marker."""
    app.before_request(_identify)
    app.after_request(_stamp)


def _identify() -> None:
    g.change = None
    if (socket := request.environ.get("gunicorn.socket")) is not None:
        # A thread that waits for a body that never comes serves nobody else.
        socket.settimeout(SLOWEST_READ)
    given = request.headers.get("X-Request-Id", "")
    sane = 0 < len(given) <= MAX_REQUEST_ID and given.isascii() and given.isprintable()
    g.request_id = given if sane else str(uuid6.uuid7())
    if request.url_rule is None:
        # Whoever has no key learns nothing of what is there: 401 comes before 404 and 405.
        if request.path.startswith(f"{API}/") and request.method != "OPTIONS":
            g.principal = access().authenticate(request.headers.get("Authorization"), request.remote_addr)
        return
    guard = marker_of(request.endpoint)
    if guard is None:
        # A plain Flask view somebody registered past our Blueprint: closed, as if it were not there.
        raise NotFound("There is nothing at this address.")
    if not guard.public and request.method != "OPTIONS":
        g.principal = access().authenticate(request.headers.get("Authorization"), request.remote_addr)


def _stamp(response: Response) -> Response:
    if request_id := g.get("request_id"):
        response.headers["X-Request-Id"] = request_id
    if (change := g.get("change")) and change.dry:
        response.headers[DRY_RUN] = "true"
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    return response
