"""All of it under the headers of a body: nothing runs, opens, navigates or is asked of others."""

import pytest

from tests.harness.hostile_layers import POLICY, SANITISER, shown, through

pytestmark = pytest.mark.needs("chromium")


@pytest.mark.parametrize("name", ["httpleaks", "dompurify", "loofah", "payloadbox"])
def test_the_policy_alone_keeps_every_snippet_harmless(watcher, site, hostile_sets, name, capsys):
    found, figures = through(watcher, site, POLICY, hostile_sets[name])
    with capsys.disabled():
        print(f"\nthe policy, {name}: {dict(figures)}")  # noqa: T201  # the figures are the result
    assert found == {}


@pytest.mark.parametrize("snippet", ['<link rel="preconnect" href="{}">', '<iframe src="{}"></iframe>'])
def test_a_connection_may_open_but_nothing_is_asked(watcher, site, snippet):
    # Chromium connects before it looks at the policy; no policy speaks of it. The sanitiser drops the elements.
    snippet = snippet.format("https://leaking.via/x")
    seen = shown(watcher, site, POLICY, [snippet])
    assert seen.acts == []
    assert set(seen.foreign) <= {"CONNECT leaking.via:443"}
    assert shown(watcher, site, SANITISER, [snippet]).foreign == []
