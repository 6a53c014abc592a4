"""Every page keeps nobody out: axe-core, both schemes, 320 pixels, large text, forced colours, a strict parser.

Each tour is walked once, at first use, and each test asks what one check found on it.
`make screenshots` walks them too, for their pictures alone (`pictures.py`).
"""

import re

import pytest

from tests.harness.accessibility import CHECKS, VIEWS, Inspector
from tests.harness.browser import reader
from tests.harness.once_more import WAITED_IN_VAIN
from tests.harness.tours import TOURS
from tests.harness.tours.walker import Walker

# Chromium names pages that are gone, refused or can't be opened now, and they are looked at, too.
EXPECTED = re.compile("status of (4|503)")
pytestmark = pytest.mark.needs("chromium", "smtp-sink", "stunnel")


def walked(name, stacks, net, browser):
    """Return what was found on a tour."""
    with reader(browser) as somebody:
        inspector = Inspector(somebody.page)
        TOURS[name](Walker(stacks("embedded"), net, somebody.page, inspector))
        inspector.faults["browser"] += [each for each in somebody.complaints if not EXPECTED.search(each)]
    return inspector


@pytest.fixture(scope="session")
def tour(stacks, net, browser):
    """Walk each tour at first use; one that broke off breaks each of its tests, and one that was late may try again."""
    done, late = {}, set()

    def get(name):
        if name not in done:
            try:
                done[name] = walked(name, stacks, net, browser)
            except Exception as error:
                if isinstance(error, WAITED_IN_VAIN) and name not in late:
                    late.add(name)
                    raise
                done[name] = error
        if isinstance(done[name], Exception):
            raise done[name]
        return done[name]

    return get


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", TOURS)
def test_every_page_of_a_tour_passes(name, check, tour):
    assert tour(name).faults[check] == []


@pytest.mark.parametrize("name", TOURS)
def test_a_tour_is_told_page_by_page(name, tour, capsys):
    with capsys.disabled():
        print("\n" + tour(name).printed())  # noqa: T201  # the table is the result
    assert all(views == len(VIEWS) and passed > 10 for _, views, passed, _ in tour(name).table)
