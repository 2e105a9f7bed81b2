"""`flask doctor` says what is wrong and how to mend it, also when the application cannot be built."""

import os
import socket
import threading

import pytest
from click.testing import CliRunner

from app.cli.doctor import doctor
from tests.cli.conftest import ONCE
from tests.cli.home import last_line
from tests.support.services import redis_server, require
from tests.support.smtp import mail_server

TOOLS = ("pg_dump", "pg_restore", "psql")


def ill(home, **environment):
    """What the doctor finds wrong: [(what, mend)]; its exit code must say whether there is anything."""
    unset = {name: None for name in os.environ if name.startswith("BILLHOOK_")}
    sees = unset | {name: value for name, value in home.environment.items() if name.startswith("BILLHOOK_")}
    done = CliRunner().invoke(doctor, ["--json"], env=sees | environment)
    answer = last_line(done.stdout)
    wrong = [(finding["what"], finding["mend"]) for finding in answer["findings"] if not finding["ok"]]
    assert answer["ok"] is not bool(wrong)
    assert done.exit_code == bool(wrong), done.output
    return wrong


def test_a_real_process_finds_all_well(demo):
    done = demo.flask("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("All is well.\n")
    for matter in ("Configuration", "Database", "Migrations", "Clock", "Folder", "Fonts", "Documents", "Mail"):
        assert f"OK     {matter}: " in done.stdout
    if demo.kind == "postgresql":
        assert "Row-level security: binds the role" in done.stdout
        assert all(f"{name} fits the server." in done.stdout for name in TOOLS)
    assert "Log: json on standard error" in done.stdout
    assert "Metrics: off." in done.stdout


def test_a_fresh_installation_lacks_its_migrations(home):
    assert ill(home) == [("Migrations are pending for core.", "flask db upgrade")]


@ONCE
def test_a_real_process_names_settings_that_stop_the_application(home):
    bad = {"BILLHOOK_SECRET_KEY": "short", "BILLHOOK_DATABSE_URL": "x", "BILLHOOK_FILE_LINK_SECONDS": "never"}
    done = home.flask("doctor", **bad)
    assert done.returncode == 1
    assert done.stderr == ""
    text = done.stdout
    assert text.count("WRONG") == text.count("To mend: ") == 3
    assert "BILLHOOK_SECRET_KEY must have at least 32 characters." in text
    assert "BILLHOOK_FILE_LINK_SECONDS must be a whole number" in text
    assert "did you mean BILLHOOK_DATABASE_URL?" in text


@ONCE
def test_what_is_away_or_full_of_holes(demo):
    blocked = demo.instance / "blocked"
    blocked.write_text("a file, no folder", encoding="utf-8")
    fonts = demo.instance / "fonts"
    fonts.mkdir()
    secret = demo.instance / "secret_key"
    secret.write_text("x" * 40, encoding="ascii")
    secret.chmod(0o644)
    wrong = ill(
        demo,
        BILLHOOK_FILES_PATH=str(blocked),
        BILLHOOK_FONTS_PATH=str(fonts),
        BILLHOOK_REDIS_URL="redis://127.0.0.1:1/0",
        BILLHOOK_DATABASE_URL="postgresql://nobody:hunter2@127.0.0.1:1/billhook",
    )
    found = "\n".join(what for what, _ in wrong)
    assert len(wrong) == 5, found
    for words in ("can read", "cannot be used", "cannot be written", "0 further files", "127.0.0.1:1 does not answer"):
        assert words in found
    assert "hunter2" not in found
    assert all(mend for _, mend in wrong)


@pytest.mark.parametrize("homes", ["postgresql"], indirect=True)
def test_row_level_security_that_was_switched_off(demo):
    with demo.app() as app, app.extensions["sqlalchemy"].engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE invoices DISABLE ROW LEVEL SECURITY")
    ((what, mend),) = ill(demo)
    assert what == "Row-level security is switched off on the table invoices."
    assert "ALTER TABLE invoices ENABLE ROW LEVEL SECURITY" in mend


@ONCE
def test_a_redis_that_answers(demo):
    redis = require(redis_server())
    assert ill(demo, BILLHOOK_REDIS_URL=redis.url) == []


@ONCE
def test_something_else_at_the_redis_address(demo):
    def impostor(listener):
        link, _ = listener.accept()
        with link:
            link.sendall(b"-NOAUTH Authentication required.\r\n")
            link.recv(100)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=impostor, args=[listener])
        thread.start()
        ((what, _),) = ill(demo, BILLHOOK_REDIS_URL=f"redis://127.0.0.1:{listener.getsockname()[1]}")
        thread.join()
    assert "NOAUTH" in what


@ONCE
def test_a_mail_server_that_lets_us_in_and_one_that_does_not(demo):
    with mail_server() as told:
        there = f"smtp://127.0.0.1:{told.port}"
        assert ill(demo, BILLHOOK_SMTP_URL=there, BILLHOOK_MAIL_FROM="billing@example.com") == []
        ((what, mend),) = ill(demo, BILLHOOK_SMTP_URL=there)
        assert "no sender" in what and "BILLHOOK_MAIL_FROM" in mend
        ((what, mend),) = ill(demo, BILLHOOK_SMTP_URL=there.replace("//", "//u:hunter2@"))
        assert "offers no login" in what and "BILLHOOK_SMTP_URL" in mend
        assert "hunter2" not in what + mend
    ((what, _),) = ill(demo, BILLHOOK_SMTP_URL=there)
    assert "does not let us in" in what and "refused" in what
    missing = {"BILLHOOK_SMTP_URL": "smtps://127.0.0.1:1", "BILLHOOK_SMTP_CA_FILE": str(demo.instance / "no.pem")}
    ((what, _),) = ill(demo, **missing)
    assert "no.pem cannot be read" in what


@pytest.mark.parametrize("homes", ["postgresql"], indirect=True)
def test_backups_that_cannot_be_made(demo, tmp_path):
    wrong = ill(demo, BILLHOOK_PG_BIN=str(tmp_path), BILLHOOK_METRICS="token:0123456789abcdef")
    assert [what for what, _ in wrong] == [f"Backup: There is no {name} in {tmp_path}." for name in TOOLS]
    assert all("postgresql-client-" in mend for _, mend in wrong)
