"""Four breaches, each planted in a copy of the tree, each seen to fail the suite that the copy brings along."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

UNGUARDED = '''

@bp.route("/planted")
@bp.response(200, ItemOut)
def list_planted() -> Any:
    """List what nobody guards."""
    return []
'''
OWN_ERROR = 'return Response(\'{"oops": "no such unit"}\', 404, mimetype="application/json")'
OWN_PAGE = 'return Response("<h1>Not found</h1>", 404, mimetype="text/html")'
GET_UNIT = 'return find_or_404(Unit, unit_id, "unit")'
COLUMN = "    active: Mapped[bool] = mapped_column(default=True)\n"

# What is planted: file, text, its replacement; the tests that shall see it; what they shall say.
BREACHES = {
    "an unguarded route": (
        "app/items/routes.py",
        None,
        UNGUARDED,
        "tests/architecture/test_guards.py",
        "UnguardedRouteError: items.list_planted",
    ),
    "a cross-layer import": (
        "app/items/models.py",
        None,
        "\nimport app.invoices.models  # noqa: E402\n",
        "tests/architecture/test_layers.py::test_the_contracts_hold",
        "'The core is a stack': False",
    ),
    "a column without its migration": (
        "app/items/models.py",
        COLUMN,
        f"{COLUMN}    planted: Mapped[str | None] = mapped_column(sa.String(3))\n",
        "tests/architecture/test_migrations.py::test_models_and_migrations_agree_and_go_down_and_up_again",
        "'add_column'",
    ),
    "an error outside the envelope": (
        "app/taxes/routes.py",
        GET_UNIT,
        OWN_ERROR,
        "tests/api/test_tenancy.py::test_a_foreign_id_in_a_path_is_an_unknown_id",
        "is not as documented",
    ),
    "an error that is a page": (
        "app/taxes/routes.py",
        GET_UNIT,
        OWN_PAGE,
        "tests/api/test_tenancy.py::test_a_foreign_id_in_a_path_is_an_unknown_id",
        "404 is no JSON",
    ),
}


@pytest.mark.parametrize("name", BREACHES)
def test_a_planted_breach_fails_the_suite(copy_of_the_tree: Path, name: str):
    file, old, new, tests, words = BREACHES[name]
    path = copy_of_the_tree / file
    text = path.read_text(encoding="utf-8")
    if old is not None:
        assert text.count(old) == 1, f"{file} has changed; plant elsewhere"
    planted = text.replace(old, new) if old is not None else text + new
    if "Response(" in new:
        planted = planted.replace(
            "import sqlalchemy as sa\n", "import sqlalchemy as sa\nfrom flask import Response\n", 1
        )
    path.write_text(planted, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-o",
        "addopts=",
        tests,
    ]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "COV"))}
    done = subprocess.run(
        command,
        cwd=copy_of_the_tree,
        env=kept | {"BILLHOOK_TEST_POSTGRES": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode not in {0, 5}, f"{name} went through: {done.stdout}"
    assert words in done.stdout + done.stderr, done.stdout[-3000:]
