"""A pytest plugin that ends every run by saying which real services it had, and loudly which it did without.

Under xdist the workers ask for services and the controller prints: each worker hands over what it asked for.
"""

from collections.abc import Generator

import pytest

from tests.support.services import LEFT_OUT, Outcome, Postgres, Redis, outcomes, release_all

NAMES = [kind.name for kind in (Postgres, Redis)]
gathered = pytest.StashKey[set[Outcome]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make room for what the workers report."""
    config.stash[gathered] = set()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """In the controller: a worker has ended, or died without a word."""
    told = getattr(node, "workeroutput", {}).get("billhook_services", [])
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    config.stash[gathered] |= {(service, used, detail) for service, used, detail in told}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give the services back; a worker also hands over what it asked for."""
    release_all()
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["billhook_services"] = sorted(outcomes)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """Print, after everything else, one line per service used and a banner per service left out."""
    yield
    seen = config.stash[gathered] | outcomes
    skipped = [str(report.longrepr[-1]) for report in terminalreporter.stats.get("skipped", [])]
    terminalreporter.section("services")
    for name in NAMES:
        lines = sorted({(used, detail) for service, used, detail in seen if service == name})
        if not lines:
            terminalreporter.line(f"{name}: no test of this run asked for it")
        for used, detail in lines:
            if used:
                terminalreporter.line(f"{name}: {detail}", green=True)
            else:
                count = sum(f"{name}{LEFT_OUT}" in reason for reason in skipped)
                terminalreporter.write_sep("!", f"{name} LEFT OUT, {count} tests skipped for it", red=True, bold=True)
                terminalreporter.line(f"{name}: {detail}", red=True)
