"""A copy of the tree to plant breaches in."""

import shutil
from pathlib import Path

import pytest

import app

ROOT = Path(app.__file__).parent.parent


@pytest.fixture
def copy_of_the_tree(tmp_path: Path) -> Path:
    """The project's own files, without what runs have left behind."""
    leave = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("app", "plugins", "migrations", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=leave)
    for name in ("pyproject.toml", "wsgi.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path
