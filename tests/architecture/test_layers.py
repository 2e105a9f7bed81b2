"""Who may import whom: the contracts of pyproject.toml hold, and each of them fails on a planted breach."""

import subprocess
import sys
from pathlib import Path

import app

ROOT = Path(app.__file__).parent.parent

BREACHES = {
    "The core never imports a plugin": ("app/http/planted.py", "import plugins.planted"),
    "A plugin imports app.plugin_api and nothing else of app": ("plugins/planted/__init__.py", "import app.data.clock"),
    "Plugins never import each other": ("plugins/planted/other.py", "import plugins.second"),
    "One way inside a feature or plugin": ("app/taxes/models.py", "import app.taxes.service"),
    "The core is a stack": ("app/data/planted.py", "import app.http.errors"),
    "Money is pure: no framework, no database": ("app/money/planted.py", "import flask"),
}


def contracts(folder: Path) -> dict[str, bool]:
    """Run import-linter in a folder: contract → whether it is kept."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    lines = [line.strip() for line in done.stdout.splitlines()]
    kept = {line.rpartition(" ")[0]: line.endswith("KEPT") for line in lines if line.endswith((" KEPT", " BROKEN"))}
    assert kept, done.stdout + done.stderr
    assert done.returncode == (0 if all(kept.values()) else 1)
    return kept


def test_the_contracts_hold():
    assert contracts(ROOT) == dict.fromkeys(BREACHES, True)


def test_each_contract_fails_on_its_breach(copy_of_the_tree: Path):
    for name in ("planted", "second"):
        (copy_of_the_tree / "plugins" / name).mkdir()
        (copy_of_the_tree / "plugins" / name / "__init__.py").touch()
    for name, line in BREACHES.values():
        path = copy_of_the_tree / name
        text = path.read_text(encoding="utf-8") if path.exists() else '"""Planted."""\n'
        path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    assert contracts(copy_of_the_tree) == dict.fromkeys(BREACHES, False)
