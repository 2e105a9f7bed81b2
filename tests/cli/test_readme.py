"""The README says what the code does: its tour runs as pasted, its table is the list of settings, its tiers ship."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import click
from werkzeug.utils import import_string

from app import config
from app.cli.commands import COMMANDS
from app.cli.doctor import doctor
from app.tiers import catalogue
from tests.cli.conftest import ONCE
from tests.cli.home import ROOT
from tests.cli.test_serve import key_in, paste

README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


ALL = (*(import_string(place) for place in COMMANDS.values()), doctor)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@ONCE
def test_the_tour_works_as_pasted(home, tmp_path):
    with home.serve("--demo") as server:
        lines = "".join(blocks("bash")).replace("http://127.0.0.1:8000", server.base)
        said = paste(f"export KEY={key_in(server.said)}\n{lines}", tmp_path)
    assert '"number":"INV-0007"' in said
    assert '"complete":true' in said
    assert '"status":"overdue"' in said
    assert '"error"' not in said
    assert (tmp_path / "invoice.pdf").read_bytes().startswith(b"%PDF-")


def test_every_setting_is_in_the_table_with_its_description():
    rows = re.findall(r"^\| `BILLHOOK_([A-Z_]+)` \|(.*?)\| (.*) \|$", README, re.MULTILINE)
    table = {name.lower(): (default, meaning) for name, default, meaning in rows}
    assert list(table) == [field.name for field in fields(config.Settings)]
    for field in fields(config.Settings):
        default, meaning = table[field.name]
        assert meaning == field.metadata["doc"], field.name
        if field.name != "instance_path":
            given = ", ".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
            shown = "" if given in {"", None, Path()} else f"`{given}`"
            assert default.strip() == shown, field.name


def test_the_tiers_shown_are_those_that_ship():
    shown = tomllib.loads(blocks("toml")[0])
    settings = config.Settings(default_tier=shown["default_tier"], tiers=tuple(shown["tiers"]))
    assert catalogue.load(settings).tiers == catalogue.SHIPPED
    assert config.Settings.default_tier == shown["default_tier"]


def test_every_command_has_its_example():
    names = []
    for command in ALL:
        inner = command.commands if isinstance(command, click.Group) else {}
        names += [f"flask {command.name} {name}" for name in inner] or [f"flask {command.name}"]
    assert [name for name in names if name not in OPERATIONS] == []


def test_both_documents_name_only_commands_that_exist():
    known = {command.name for command in ALL}
    named = set(re.findall(r"\bflask ([a-z]+)\b", README + OPERATIONS)) - {"command"}
    assert named <= known
