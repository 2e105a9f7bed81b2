"""Rules on the source itself: short files, short functions, imports at the top.

Exceptions stand in a list with reasons, and one that is no longer needed fails.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import app

ROOT = Path(app.__file__).parent
LONGEST_FILE, LONGEST_FUNCTION = 400, 40

LATE_IMPORTS = {
    "accounts/logo.py:_picture": "a process that never sees a logo never loads Pillow",
    "documents/child.py:_answer": "drawing is loaded after the sandbox is locked, and by the child alone",
    "documents/child.py:main": "drawing is loaded after the sandbox is locked, and by the child alone",
    "documents/engine.py:_dot": "one warm-up picture; who reads the module for its names loads no Pillow",
}


def sources() -> Iterator[tuple[str, str]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def late_imports(text: str) -> set[str]:
    imports = (ast.Import, ast.ImportFrom)
    return {each.name for each in functions(text) if any(isinstance(node, imports) for node in ast.walk(each))}


def test_files_are_under_400_lines():
    long = {name: len(text.splitlines()) for name, text in sources()}
    assert len(long) > 60
    assert {name: lines for name, lines in long.items() if lines >= LONGEST_FILE} == {}


def test_functions_are_under_40_lines():
    long = {f"{name}:{each.name}": length(each) for name, text in sources() for each in functions(text)}
    assert {name: lines for name, lines in long.items() if lines >= LONGEST_FUNCTION} == {}


def test_nothing_is_imported_inside_a_function_without_a_reason():
    found = {f"{name}:{function}" for name, text in sources() for function in late_imports(text)}
    assert found == set(LATE_IMPORTS), "not listed, or listed and no longer there"
    assert all(len(reason) > 20 for reason in LATE_IMPORTS.values())


def test_nothing_is_imported_with_a_star():
    stars = [
        name
        for name, text in sources()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert stars == []


def test_the_rules_see_a_breach():
    body = "\n".join(f"    x = {n}" for n in range(LONGEST_FUNCTION))
    assert length(next(functions(f"def f():\n{body}\n"))) > LONGEST_FUNCTION
    assert late_imports("def f():\n    import os\n") == {"f"}
