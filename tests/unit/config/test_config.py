"""Settings: where they come from, what each may be, and one sentence for each that may not."""

import os
import stat
import subprocess
import sys
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.config import PREFIX, PROJECT, BootError, Settings, load, unknown_variables

SECRET = "s" * 32

# name: (text that is good, what it becomes), texts that are not. Every setting stands here, or the last test fails.
GOOD = {
    "database_url": [
        ("postgresql://u:p@h:5432/d", "postgresql+psycopg://u:p@h:5432/d"),
        ("postgres://h/d", "postgresql+psycopg://h/d"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg://h/d"),
        ("postgresql:///d?host=/run/pg", "postgresql+psycopg:///d?host=/run/pg"),
        ("sqlite:////var/lib/b.db", "sqlite:////var/lib/b.db"),
        ("sqlite:///b.db", "sqlite:///b.db"),
        ("postgresql://u:p%40:x@h/d", "postgresql+psycopg://u:p%40:x@h/d"),
    ],
    "redis_url": [(each, each) for each in ("redis://h:6379/0", "rediss://h", "unix:///run/redis.sock")],
    "secret_key": [(SECRET, SECRET), ("é" * 40, "é" * 40)],
    "base_url": [
        ("https://b.example", "https://b.example"),
        ("http://b.example/", "http://b.example"),
        ("https://b.example/x/", "https://b.example/x"),
    ],
    "files_path": [("/var/files", Path("/var/files"))],
    "fonts_path": [("/var/fonts", Path("/var/fonts"))],
    "file_link_seconds": [("60", 60), ("604800", 604_800), (" 61 ", 61)],
    "max_body_bytes": [("1024", 1024), ("104857600", 104_857_600)],
    "pdf_seconds": [("1", 1), ("120", 120)],
    "worker": [(each, each) for each in ("auto", "thread", "none")],
    "worker_threads": [("1", 1), ("64", 64)],
    "worker_poll_seconds": [("1", 1), ("60", 60)],
    "database_pool": [("1", 1), ("200", 200)],
    "smtp_url": [
        (each, each)
        for each in (
            "smtp://127.0.0.1:25",
            "smtp://mail.example",
            "smtp+starttls://u:p%40ss@mail.example:587",
            "smtps://u%40b.example:p@mail.example/",
            "smtp://[::1]:2525",
        )
    ],
    "smtp_ca_file": [("/etc/ca.pem", Path("/etc/ca.pem"))],
    "mail_from": [
        ("billing@example.com", "billing@example.com"),
        ("billing@Bücher.example", "billing@xn--bcher-kva.example"),
    ],
    "mail_link_days": [("1", 1), ("366", 366)],
    "event_days": [("0", 0), ("36500", 36_500)],
    "log_level": [("debug", "DEBUG"), ("WARNING", "WARNING")],
    "log_format": [("json", "json"), ("TEXT", "text")],
    "metrics": [(each, each) for each in ("off", "loopback", "token:0123456789abcdef")],
    "drain_seconds": [("0", 0), ("15", 15)],
    "pg_bin": [("/opt/pg/bin", Path("/opt/pg/bin"))],
    "default_tier": [("pro", "pro")],
    "egress_allow": [
        ("10.0.0.0/8", (ip_network("10.0.0.0/8"),)),
        ("127.0.0.1, fd00::/8", (ip_network("127.0.0.1/32"), ip_network("fd00::/8"))),
    ],
    "webhook_http": [("allow", "allow"), ("refuse", "refuse")],
    "webhook_retry_delays": [("0", (0,)), ("0, 5,300", (0, 5, 300)), ("604800", (604_800,))],
}
WHOLE = ["", "x", "1.5", "1e3", "-1", "0x10", "١٠", "9" * 30, "1_000", "True", "NaN"]
BAD = {
    "database_url": [
        "mysql://h/d",
        "h/d",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "postgresql:h",
        "oracle+cx://h",
        "postgresql://h:port/d",
        "x",
    ],
    "redis_url": ["http://h", "h:6379", "redis:/h"],
    "secret_key": ["short", "s" * 31],
    "base_url": [
        "b.example",
        "ftp://b.example",
        "https://",
        "https://b.example?x=1",
        "https://b.example#x",
        "javascript:alert(1)",
        "http://[",
    ],
    "file_link_seconds": ["59", "604801", *WHOLE[1:]],
    "max_body_bytes": ["1023", "104857601", *WHOLE[1:]],
    "pdf_seconds": ["0", "121", *WHOLE[1:]],
    "worker": ["yes", "Auto", "rq"],
    "worker_threads": ["0", "65", *WHOLE[1:]],
    "worker_poll_seconds": ["0", "61", *WHOLE[1:]],
    "database_pool": ["0", "201", *WHOLE[1:]],
    "smtp_url": [
        "mail.example:25",
        "http://mail.example",
        "smtp://",
        "smtp://:25",
        "smtp://h:port",
        "smtp://h:0",
        "smtp://h:99999",
        "smtp://[",
        "smtp://h/path",
        "smtp://h?x=1",
        "starttls://h",
    ],
    "mail_from": ["billing", "a@b@c", "Billing <b@example.com>", "jürgen@example.com", "a@b.example, c@d.example"],
    "mail_link_days": ["0", "367", *WHOLE[1:]],
    "event_days": ["36501", *WHOLE[1:]],
    "log_level": ["LOUD", "INFO "],
    "egress_allow": ["x", "10.0.0.1/8", "127.1", "10.0.0.0/33", "0x7f000001", "fe80::%eth0/64"],
    "webhook_http": ["yes", "ALLOW", "refuse "],
    "webhook_retry_delays": [", ", "-1", "1.5", "x", "0;5", "604801", "٥", "0 " * 31, "9" * 30],
    "log_format": ["xml", "json "],
    "metrics": ["on", "Loopback", "token:", "token:0123456789abcde", "token:0123456789abcdeé", "0123456789abcdef0123"],
    "drain_seconds": ["16", *WHOLE[1:]],
}
NOT_BY_VARIABLE = {"instance_path": "tried below", "tiers": "file only, tried in test_catalogue"}


@pytest.fixture
def at(tmp_path):
    """Load with these variables, and this billhook.toml if there is one."""

    def at(toml="", overrides=None, **variables) -> Settings:
        if toml:
            (tmp_path / "billhook.toml").write_text(toml, encoding="utf-8")
        environ = {f"{PREFIX}{name.upper()}": value for name, value in variables.items()}
        return load({"BILLHOOK_INSTANCE_PATH": str(tmp_path), **environ}, overrides)

    return at


def problems(function, *args, **kwargs) -> list[str]:
    with pytest.raises(BootError) as stopped:
        function(*args, **kwargs)
    found = stopped.value.problems
    for problem in found:
        assert problem.endswith((".", "?")) and "\n" not in problem and "Traceback" not in problem, problem
    assert str(stopped.value) == "\n".join(f"billhook: {problem}" for problem in found)
    assert stopped.value.code == str(stopped.value), "printed instead of a traceback, exit 1"
    return found


@pytest.mark.parametrize(("name", "given", "kept"), [(name, *pair) for name, pairs in GOOD.items() for pair in pairs])
def test_good_values_by_variable_and_by_file(at, name, given, kept):
    assert getattr(at(**{name: given}), name) == kept
    toml = f"{name} = {given.strip()}" if isinstance(kept, int) else f'{name} = "{given}"'
    assert getattr(at(toml), name) == kept
    assert getattr(at(overrides={name: given}), name) == kept


@pytest.mark.parametrize(("name", "given"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_bad_values_are_one_sentence_that_names_the_variable(at, name, given):
    [problem] = problems(at, **{name: given})
    assert problem.startswith(f"BILLHOOK_{name.upper()} ")
    escaped = given.replace("\\", "\\\\")
    assert problems(at, f'{name} = "{escaped}"') == [problem]


@pytest.mark.parametrize(
    ("name", "given"), [(name, text) for name in GOOD for text in ("5", "true", "[1]", "{a = 1}", "1.5", "2026-01-01")]
)
def test_values_of_another_type_in_the_file(at, name, given):
    if isinstance(GOOD[name][0][1], int) and given == "5":
        given = "[5]"
    [problem] = problems(at, f"{name} = {given}")
    assert problem.startswith(f"BILLHOOK_{name.upper()} must be ")


def test_every_setting_is_tried():
    assert {each.name for each in fields(Settings)} == set(GOOD) | set(NOT_BY_VARIABLE)
    assert all(each.metadata["doc"] for each in fields(Settings))


def test_the_environment_wins_over_the_file_and_overrides_over_both(at):
    toml = 'default_tier = "free"\npdf_seconds = 5\nlog_level = "ERROR"'
    settings = at(toml, {"default_tier": "pro"}, default_tier="advanced", pdf_seconds="6")
    assert (settings.default_tier, settings.pdf_seconds, settings.log_level) == ("pro", 6, "ERROR")


def test_an_empty_variable_is_none_at_all(at):
    settings = at("pdf_seconds = 5", pdf_seconds="", database_url="", base_url="")
    assert (settings.pdf_seconds, settings.base_url) == (5, "")
    assert settings.database_url.startswith("sqlite:///")


def test_all_problems_are_told_at_once(at):
    found = problems(
        at,
        'pdf_second = 5\ncolour = "red"\nlog_level = "LOUD"',
        pdf_seconds="0",
        database_url="mysql://x",
        base_url="x",
        secret_key="short",
    )
    assert len(found) == 7
    assert {problem.split()[0] for problem in found if problem.startswith("BILLHOOK_")} == {
        "BILLHOOK_LOG_LEVEL",
        "BILLHOOK_PDF_SECONDS",
        "BILLHOOK_DATABASE_URL",
        "BILLHOOK_BASE_URL",
        "BILLHOOK_SECRET_KEY",
    }


def test_an_unknown_key_of_the_file_is_named_with_what_was_meant(at, tmp_path):
    first, second, third = problems(at, 'datebase_url = "x"\nzzz = 1\ninstance_path = "/x"')
    assert first == f"{tmp_path / 'billhook.toml'}: 'datebase_url' is not a setting; did you mean database_url?"
    assert second.startswith(f"{tmp_path / 'billhook.toml'}: 'instance_path' is not a setting")
    assert third == f"{tmp_path / 'billhook.toml'}: 'zzz' is not a setting."


def test_an_unknown_variable_is_said_and_does_not_stop_the_boot(at):
    environ = {
        "BILLHOOK_DATEBASE_URL": "x",
        "BILLHOOK_TIERS": "x",
        "BILLHOOK_ZZZ": "x",
        "BILLHOOK_TEST_POSTGRES": "off",
        "PATH": "x",
        "BILLHOOK_PDF_SECONDS": "5",
    }
    assert unknown_variables(environ) == [
        "BILLHOOK_DATEBASE_URL is not a setting; did you mean BILLHOOK_DATABASE_URL?",
        "BILLHOOK_TIERS is not a setting.",
        "BILLHOOK_ZZZ is not a setting.",
    ]
    assert at(datebase_url="x").database_url


@pytest.mark.parametrize(
    "content",
    [b"x = ", b"= 1", b"\xff\xfe", b"[tiers", b'a = "', b"a = 1\na = 2", b"pdf_seconds = " + b"9" * 5000, b"\x00"],
)
def test_a_file_that_cannot_be_read_is_one_sentence(at, tmp_path, content):
    (tmp_path / "billhook.toml").write_bytes(content)
    [problem] = problems(at)
    assert problem.startswith(f"{tmp_path / 'billhook.toml'} cannot be read as TOML: ")


def test_no_file_is_no_problem(at, tmp_path):
    settings = at()
    assert settings.instance_path == tmp_path
    assert (settings.default_tier, settings.pdf_seconds, settings.log_level, settings.tiers) == (
        "enterprise",
        20,
        "INFO",
        (),
    )
    assert settings.database_url == f"sqlite:///{tmp_path / 'billhook.db'}"
    assert settings.files_path == tmp_path / "files"


def test_the_instance_folder_is_made_and_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load({"BILLHOOK_INSTANCE_PATH": "a/b"})
    assert settings.instance_path == tmp_path / "a/b"
    assert settings.instance_path.is_dir()
    assert load({}, {"instance_path": tmp_path / "c"}).instance_path == tmp_path / "c"
    assert load({"BILLHOOK_INSTANCE_PATH": "x"}, {"instance_path": "c"}).instance_path == tmp_path / "c"
    assert Path(__file__).parents[3] == PROJECT


def test_an_instance_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        [problem] = problems(load, {"BILLHOOK_INSTANCE_PATH": str(path)})
        assert problem.startswith(f"BILLHOOK_INSTANCE_PATH {path} cannot be written: ")


class TestSecret:
    """The secret that is made when none is given."""

    def test_it_is_made_once_kept_and_nobody_elses_to_read(self, at, tmp_path):
        first = at().secret_key
        assert len(first) >= 32
        assert at().secret_key == first
        path = tmp_path / "secret_key"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert sorted(each.name for each in tmp_path.iterdir()) == ["secret_key"]
        assert load({"BILLHOOK_INSTANCE_PATH": str(tmp_path / "other")}).secret_key != first

    def test_one_that_is_given_is_used_and_none_is_made(self, at, tmp_path):
        assert at(secret_key=SECRET).secret_key == SECRET
        assert not (tmp_path / "secret_key").exists()

    @pytest.mark.parametrize("content", [b"", b"\n", b"short\n", b"\xff" * 40])
    def test_a_damaged_one_is_never_signed_with(self, at, tmp_path, content):
        (tmp_path / "secret_key").write_bytes(content)
        [problem] = problems(at)
        assert problem.startswith(f"{tmp_path / 'secret_key'} ")
        assert "remove it" in problem

    def test_processes_that_start_at_once_agree(self, tmp_path):
        code = "from app.config import load; print(load().secret_key)"
        environ = os.environ | {"BILLHOOK_INSTANCE_PATH": str(tmp_path)}
        command = [sys.executable, "-c", code]
        started = [
            subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True, cwd=PROJECT) for _ in range(4)
        ]
        answers = [process.communicate()[0].strip() for process in started]
        assert len(answers[0]) >= 32
        assert len(set(answers)) == 1
        assert [each.name for each in tmp_path.iterdir()] == ["secret_key"]
