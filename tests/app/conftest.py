"""Fixtures of the tests that use the database."""

from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.harness import triggers


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Let tests that commit be cleaned up after, audit log included."""
    with django_db_blocker.unblock():
        triggers.allow_flush()


@pytest.fixture
def keys(db: None, settings: Any, tmp_path: Path) -> Path:
    """Return a directory with a key ring (keys/), its public key and a store of this test's own."""
    factories.make_keys(settings, tmp_path)
    return tmp_path
