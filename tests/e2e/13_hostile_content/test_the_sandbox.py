"""All of it in a frame with the sandbox of the message page: nothing runs, opens or navigates; images may load."""

import pytest

from tests.harness.hostile_layers import SANDBOX, through

pytestmark = pytest.mark.needs("chromium")


@pytest.mark.parametrize("name", ["httpleaks", "dompurify", "loofah", "payloadbox"])
def test_the_sandbox_alone_keeps_every_snippet_from_acting(watcher, site, hostile_sets, name, capsys):
    found, figures = through(watcher, site, SANDBOX, hostile_sets[name])
    with capsys.disabled():
        print(f"\nthe sandbox, {name}: {dict(figures)}")  # noqa: T201  # the figures are the result
    assert found == {}
