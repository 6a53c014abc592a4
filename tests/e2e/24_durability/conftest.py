"""The table of what every crash came to, printed at the end of the run."""

import pytest

LINES = pytest.StashKey[dict]()
HEAD = "| stage | accepted | delivered | held | bounced | lost | duplicates | permitted |"


def pytest_configure(config):
    config.stash[LINES] = {}


@pytest.fixture
def lines(request):
    """Give where the lines of the table are kept, by stage."""
    return request.config.stash.setdefault(LINES, {})


def pytest_terminal_summary(terminalreporter, config):
    if lines := config.stash.get(LINES, {}):
        terminalreporter.section("the crash ledger")
        terminalreporter.write_line(HEAD)
        for line in lines.values():
            terminalreporter.write_line(str(line))
