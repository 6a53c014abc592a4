"""Hooks of every test run: missing components are told at the end, and under CI they fail.

Fixtures of the end-to-end tests are in tests/e2e/conftest.py.
"""

import os
import shutil
import signal
import threading
from pathlib import Path

import pytest
from django.utils import translation
from hypothesis import HealthCheck, settings

from tests.harness import components, prepared

# A machine that others use, too, proves nothing by being slow. Under CI=true Hypothesis tries the same each time.
_PROFILE = settings.get_profile("ci" if os.environ.get("CI") == "true" else "default")
settings.register_profile("patient", _PROFILE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

E2E = Path(__file__).parent / "e2e"
PREFIX = "needs "


def pytest_configure() -> None:
    """End by SIGTERM as by Ctrl-C: every server that was started is stopped. Make a place for what stacks share."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    prepared.make_place()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything under tests/e2e as such."""
    for item in items:
        if E2E in item.path.parents:
            item.add_marker("e2e")


@pytest.fixture(autouse=True)
def _language_of_the_settings() -> None:
    """Begin each test without the language that the last request of another left in this thread."""
    translation.deactivate()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or under CI=true fail, a test whose real components are not installed."""
    names = [name for marker in item.iter_markers("needs") for name in marker.args]
    if not (whys := components.missing(names)):
        return
    if os.environ.get("CI") == "true":
        pytest.fail("; ".join(whys), pytrace=False)
    pytest.skip("; ".join(whys))


def pytest_unconfigure() -> None:
    """Remove the data directory that tests/settings.py made, and what stacks were prepared from."""
    prepared.remove_place()
    directory = Path(os.environ.get("DATA_DIR", ""))
    if directory.name.startswith("postern-test-"):
        shutil.rmtree(directory, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, and how to install what it needs."""
    left_out: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        for why in reason.split("; ") if reason.startswith(PREFIX) else []:
            left_out[why] = left_out.get(why, 0) + 1
    if left_out:
        terminalreporter.section("left out: components that are not installed")
        for why, count in sorted(left_out.items()):
            terminalreporter.line(f"{why} ({count} left out)")
