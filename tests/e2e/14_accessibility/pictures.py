"""Walk every tour for its pictures alone: what `make screenshots` runs, and no other run collects.

Nothing is judged here: the tours' checks cost several times what their pictures do, and CI runs them.
"""

import os
from pathlib import Path

import pytest

from tests.harness.browser import reader
from tests.harness.pictures import Photographer
from tests.harness.tours import TOURS
from tests.harness.tours.chosen import chosen
from tests.harness.tours.walker import Walker

FOLDER = Path(os.environ.get("SCREENSHOTS", "screenshots")).resolve()
pytestmark = pytest.mark.needs("chromium", "smtp-sink", "stunnel")


@pytest.mark.parametrize("name", TOURS)
def test_the_pictures_of_a_tour(name, stacks, net, browser):
    with reader(browser) as somebody:
        photographer = Photographer(somebody.page, FOLDER / name.replace(" ", "-"))
        TOURS[name](Walker(stacks("embedded"), net, somebody.page, photographer))
    assert len(list(photographer.folder.glob("*/*.png"))) >= 4


def test_the_pictures_of_the_readme(stacks, net, browser):
    """They are copied to docs/pictures by hand, once somebody has looked at them."""
    with reader(browser) as somebody:
        chosen(Walker(stacks("embedded"), net, somebody.page, Photographer(somebody.page, FOLDER)), FOLDER / "chosen")
    assert len(list((FOLDER / "chosen").glob("*.png"))) >= 4
