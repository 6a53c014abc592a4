"""What the sanitiser leaves, as a page like any other: nothing runs, opens, navigates or is asked of others."""

import pytest

from tests.harness.hostile_layers import SANITISER, through

pytestmark = pytest.mark.needs("chromium")


@pytest.mark.parametrize("name", ["httpleaks", "dompurify", "loofah", "payloadbox"])
def test_what_the_sanitiser_leaves_does_nothing(watcher, site, hostile_sets, name, capsys):
    found, figures = through(watcher, site, SANITISER, hostile_sets[name])
    with capsys.disabled():
        print(f"\nthe sanitiser, {name}: {dict(figures)}")  # noqa: T201  # the figures are the result
    assert found == {}
