"""Setting up and looking after an installation, as an operator or a script does it."""

import dataclasses
from datetime import timedelta
from uuid import UUID

import pytest

from app.data import clock
from tests.cli.conftest import ONCE
from tests.cli.home import last_line
from tests.support.client import ApiClient, Documented

MADE = {"organization_id", "name", "tier", "owner_id", "key_id", "key"}
UNKNOWN = "01900000-0000-7000-8000-000000000000"


def me(app, key):
    return ApiClient(app, Documented(app), key).get("/me")


def run(app, *arguments, **environment):
    return app.test_cli_runner(env=environment).invoke(args=arguments)


def told(app, *arguments):
    """What a command answers to a program."""
    result = run(app, *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return last_line(result.stdout)


def refused(app, *arguments, **environment):
    """The one sentence that a command refuses with."""
    result = run(app, *arguments, **environment)
    assert result.exit_code in {1, 2}, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("billhook: ")
    assert result.stderr.count("\n") == 1
    return result.stderr.removeprefix("billhook: ").strip()


def test_a_script_sets_up_an_installation(home):
    with home.app() as app:
        assert "run `flask db upgrade`" in refused(app, "org", "list")
    made = home.made("init", "--name", "Acme Corp", "--currency", "USD", "--timezone", "America/New_York")
    assert set(made) == MADE | {"created"}
    assert made["created"] is True
    key = home.made("key", "create", "--org", "Acme Corp", "--name", "Shop", "--scopes", "invoices:read, items:read")
    with home.app() as app:
        assert told(app, "init") == {"created": False}
        mine = me(app, made["key"]).get_json()
        assert mine["organization"]["id"] == made["organization_id"]
        assert (mine["key"]["id"], mine["key"]["scopes"]) == (made["key_id"], ["*"])
        assert mine["user"]["role"] == "owner"
        assert me(app, key["key"]).get_json()["key"]["scopes"] == ["invoices:read", "items:read"]
        assert told(app, "check")["checked"]["organizations"] == 1


def test_organisations(demo):
    made = demo.made("org", "create", "Ζωή & Co", "--tier", "pro", "--country", "GR", "--email", "zoe@example.com")
    assert set(made) == MADE
    assert UUID(made["owner_id"]).version == 7
    with demo.app() as app:
        client = ApiClient(app, Documented(app), made["key"])
        assert client.get("/me").get_json()["tier"] == "pro"
        assert client.get("/settings").get_json()["seller"]["address"]["country"] == "GR"
        listed = told(app, "org", "list")["data"]
        assert [row["name"] for row in listed] == ["Demo Studio GmbH", "Ζωή & Co"]
        table = run(app, "org", "list").stdout.splitlines()
        assert table[0].split() == ["ID", "NAME", "TIER", "CREATED_AT"]
        assert made["organization_id"] in table[2]
        one, two = (told(app, "org", "create", "Twin") for _ in range(2))
        assert one["owner_id"] != two["owner_id"], "organisations made without an owner share none"
        assert one["organization_id"] in refused(app, "key", "list", "--org", "Twin")
        told(app, "key", "list", "--org", one["organization_id"])


def test_people(demo):
    with demo.app() as app:
        command = ("user", "create", "Jo@Example.com", "--org", "Demo Studio GmbH", "--role", "admin", "--name", "Jo")
        made = told(app, *command)
        assert (made["email"], made["name"], made["role"]) == ("Jo@example.com", "Jo", "admin")
        assert "already, as admin" in refused(app, *command)
        told(app, "org", "create", "Second")
        again = told(app, "user", "create", "jo@example.com", "--org", "Second")
        assert (again["user_id"], again["name"], again["role"]) == (made["user_id"], "Jo", "member")
        people = told(app, "user", "list", "--org", "Demo Studio GmbH")["data"]
        assert [row["role"] for row in people] == ["owner", "admin"]


def test_keys(demo):
    with demo.app() as app:
        org = told(app, "org", "create", "Keys", "--timezone", "Europe/Berlin")["organization_id"]
        made = told(app, "key", "create", "--org", org, "--expires", "2099-07-01", "--actor-type", "agent")
        assert made["expires_at"] == "2099-06-30T22:00:00.000Z", "the day begins where the organisation is"
        assert (made["actor_type"], made["scopes"], made["key_id"]) == ("agent", ["*"], made["id"])
        assert me(app, made["key"]).status_code == 200
        assert run(app, "key", "revoke", made["id"], "--org", org).exit_code == 0
        assert me(app, made["key"]).status_code == 401
        listing = run(app, "key", "list", "--org", org).stdout
        assert made["last_four"] in listing
        assert made["key"] not in listing
        assert told(app, "key", "list", "--org", org)["data"][1]["revoked_at"]
        soon = (clock.now() + timedelta(hours=1)).isoformat()
        assert told(app, "key", "create", "--org", org, "--expires", soon)["expires_at"]
        other = told(app, "org", "create", "Other")["organization_id"]
        assert refused(app, "key", "revoke", made["id"], "--org", other) == "There is no such API key."


def test_tiers(demo):
    with demo.app() as app:
        names = [row["name"] for row in told(app, "tier", "list")["data"]]
        assert names == ["free", "advanced", "pro", "enterprise"]
        made = told(app, "org", "create", "Small", "--tier", "free")
        assert told(app, "tier", "set", made["organization_id"], "pro")["tier"] == "pro"
        assert me(app, made["key"]).get_json()["tier"] == "pro"
        assert "unlimited" in run(app, "tier", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["org", "create", "X", "--tier", "gold"], "free, advanced, pro, enterprise"),
        (["org", "create", "   "], "empty"),
        (["org", "create", "x" * 201], "at most 200"),
        (["org", "create", "X\x00Y"], "control characters"),
        (["org", "create", "X", "--currency", "EURO"], "--currency"),
        (["org", "create", "X", "--timezone", "Mars/Olympus"], "IANA"),
        (["org", "create", "X", "--locale", "xx_YY_ZZ"], "locale"),
        (["org", "create", "X", "--country", "Germany"], "--country"),
        (["org", "create", "X", "--email", "nobody"], "e-mail"),
        (["org", "create"], "NAME"),
        (["org", "destroy"], "No such command"),
        (["org", "list", "--everything"], "No such option"),
        (["user", "create", "jo@example.com", "--org", "Nowhere"], "There is no organisation 'Nowhere'"),
        (["user", "create", "jo@example.com", "--org", UNKNOWN], f"There is no organisation '{UNKNOWN}'"),
        (["user", "create", "jo@example.com"], "--org"),
        (["user", "create", "jo@example.com", "--org", "Demo Studio GmbH", "--role", "king"], "owner, admin, member"),
        (["key", "create", "--org", "Demo Studio GmbH", "--scopes", "invoices:burn"], "invoices:read"),
        (["key", "create", "--org", "Demo Studio GmbH", "--scopes", ","], "scopes"),
        (["key", "create", "--org", "Demo Studio GmbH", "--expires", "tomorrow"], "such as 2027-01-01"),
        (["key", "create", "--org", "Demo Studio GmbH", "--expires", "2027-01-01T10:00"], "such as 2027-01-01"),
        (["key", "create", "--org", "Demo Studio GmbH", "--expires", "2001-01-01"], "future"),
        (["key", "create", "--org", "Demo Studio GmbH", "--actor-type", "ghost"], "user, service, agent"),
        (["key", "revoke", "7", "--org", "Demo Studio GmbH"], "UUID"),
        (["key", "revoke", UNKNOWN, "--org", "Demo Studio GmbH"], "There is no such API key"),
        (["tier", "set", "Demo Studio GmbH", "gold"], "There is no tier 'gold'"),
        (["check", "--org", "Nowhere"], "There is no organisation 'Nowhere'"),
        (["init", "--currency", "Taler"], "--currency"),
        (["serve", "--port", "70000"], "--port"),
        (["serve", "--host", "198.51.100.1", "--port", "0"], "no address of this machine"),
        (["db", "downgrade", "nonsense"], "nonsense"),
        (["db", "downgrade", "base", "--owner", "nobody"], "nobody"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(steady, arguments, words):
    assert words in refused(steady, *arguments)
    assert len(told(steady, "org", "list")["data"]) == 1
    # The owner's, which nobody ever saw.
    assert len(told(steady, "key", "list", "--org", "Demo Studio GmbH")["data"]) == 1


def test_migrations_go_up_and_down(home):
    with home.app() as app:
        assert run(app, "db", "upgrade").exit_code == 0
        assert "agree" in run(app, "db", "check").stdout
        assert run(app, "db", "downgrade", "base").exit_code == 0
        assert run(app, "db", "check").exit_code == 1
        assert "flask db upgrade" in refused(app, "org", "list")


@ONCE
def test_wrong_settings_stop_every_command_with_their_sentences(home):
    done = home.flask("org", "list", BILLHOOK_PDF_SECONDS="0", BILLHOOK_LOG_LEVEL="loud")
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 2
    assert "BILLHOOK_PDF_SECONDS must be" in done.stderr


@ONCE
@pytest.mark.parametrize("url", ["postgresql://nobody:hunter2@127.0.0.1:1/billhook", "sqlite:////nowhere/billhook.db"])
def test_a_database_that_is_away_is_a_sentence(home, url):
    with dataclasses.replace(home, url=url).app() as app:
        sentence = refused(app, "org", "list")
    assert "flask doctor" in sentence
    assert "hunter2" not in sentence
