"""Fixtures of the tests that use the database."""

from pathlib import Path
from typing import Any

import pytest

from tests import factories


@pytest.fixture
def keys(db: None, settings: Any, tmp_path: Path) -> Path:
    """Return a directory with a key ring (keys/), its public key and a store of this test's own."""
    factories.make_keys(settings, tmp_path)
    return tmp_path
