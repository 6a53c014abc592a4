"""A plug-in of pytest: an end-to-end test that waited in vain is asked once more, and named at the end of the run.

A machine that others use, too, may be too slow once. So only a wait counts that ended without
anything being seen: Playwright's own time-out, and NotInTimeError. What was seen wrong, be it by an
assertion or by Playwright's `expect`, counts at once; and so does everything in the ledgers of what
was killed, where what does not come in time may have been lost. `tests/run.py` loads it for its
end-to-end tests, and nobody else does: `-p tests.harness.once_more`.
"""

from collections.abc import Generator, Sequence
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from playwright.sync_api import TimeoutError as BrowserTimeoutError

from tests.harness.processes import NotInTimeError

WAITED_IN_VAIN = (BrowserTimeoutError, NotInTimeError)
LEDGERS = {"05_kill_nine", "24_durability"}
# Lines that begin so are repeated by tests/run.py at its end.
ASKED = "asked once more: "


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Note in a report whether its phase waited in vain."""
    report = yield
    report.waited_in_vain = call.excinfo is not None and call.excinfo.errisinstance(WAITED_IN_VAIN)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test, and where it only waited in vain run it once more; of the first time a line is left."""
    if LEDGERS & {*item.path.parts}:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if only_waited_in_vain(reports):
        for each in (report for report in reports if report.failed):
            each.outcome = "rerun"  # type: ignore[assignment]
            item.ihook.pytest_runtest_logreport(report=each)
        _forget_failed_fixtures(item)
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for each in reports:
        item.ihook.pytest_runtest_logreport(report=each)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def only_waited_in_vain(reports: Sequence[pytest.TestReport]) -> bool:
    """Return whether a test failed, and no phase of it for any other reason."""
    failed = [report for report in reports if report.failed]
    return bool(failed) and all(report.waited_in_vain for report in failed)  # type: ignore[attr-defined]


def _forget_failed_fixtures(item: pytest.Item) -> None:
    """Let what a module's tests share be made anew where that failed."""
    item._initrequest()  # type: ignore[attr-defined]
    for definitions in item._fixtureinfo.name2fixturedefs.values():  # type: ignore[attr-defined]
        for each in definitions:
            if each.cached_result and each.cached_result[2]:
                each.finish(item._request)


def pytest_report_teststatus(report: Any) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Give the first time of a test a word and a letter of its own."""
    return ("rerun", "R", ("RERUN", {"yellow": True})) if report.outcome == "rerun" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each test that was asked once more, and what it had waited for."""
    if reports := terminalreporter.stats.get("rerun", []):
        terminalreporter.section("asked once more: tests that waited in vain")
        for each in reports:
            reason = each.longreprtext.strip().splitlines()[-1]
            for line in (*each.longreprtext.splitlines(), f"{ASKED}{each.nodeid} ({reason})"):
                terminalreporter.line(line)
