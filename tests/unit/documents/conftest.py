"""One renderer for the folder: its child takes a second to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.documents.renderer import Renderer


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    with Renderer() as one:
        yield one
