"""Three layers keep hostile HTML harmless, and each is shown alone to a real browser with the other two away.

The sanitiser and the policy promise that nothing runs, opens, navigates, or is asked of
others until a link is followed. The frame's sandbox promises all of it but the last:
it does not stop an image from loading.
"""

import re
from collections import Counter
from pathlib import Path

import pytest
from django.test import override_settings

from messages_app.render import safe_html
from messages_app.views import body
from tests.harness import corpora, hostile

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.skipif(not corpora.present(), reason=corpora.WHY_MISSING),
]

BATCH = 96
TEMPLATE = Path(body.__file__).resolve().parents[2] / "templates" / "messages_app" / "message.html"
SANDBOX = re.search(r'<iframe [^>]*sandbox="([^"]*)"', TEMPLATE.read_text(encoding="utf-8"))[1]


@pytest.fixture(scope="module")
def site():
    with hostile.pages() as started, override_settings(PORTAL_BASE_URL=started.origin):
        yield started


@pytest.fixture(scope="module")
def watcher(browser, site):
    with hostile.trap() as caught:
        watching = hostile.Watcher(browser, site.origin, caught)
        yield watching
        watching.context.close()


def plain(html):
    return f"<!doctype html><meta charset=utf-8><title>Mail</title>{html}"


def sanitised(html):
    """Show what the sanitiser leaves, in a page like any other."""
    return plain(safe_html(html).html), {}


def under_policy(html):
    """Show all of it under the headers of a body, in a frame like any other."""
    response = body.document(html)
    return response.content, dict(response.headers)


def in_sandbox(html):
    """Show all of it in a frame with the attributes of the message page."""
    return plain(html), {}


# Name: how a snippet is served, the attribute of its frame, and whether requests are stopped.
LAYERS = {
    "the sanitiser": (sanitised, "", True),
    "the policy": (under_policy, "", True),
    "the sandbox": (in_sandbox, f'sandbox="{SANDBOX}"', False),
}


def asked_plainly(snippet):
    """Return `snippet` asking without TLS, so that the trap sees more than a connection."""
    return snippet.replace("https:", "http:")


def shown(watcher, site, snippets, serve, attribute):
    """Return what the browser did with `snippets`, each at its own place in one page, isolated in frames."""
    if serve is sanitised:
        # What the sanitiser leaves ends by itself, and may not even connect.
        shared = [snippets[at : at + hostile.TOGETHER] for at in range(0, len(snippets), hostile.TOGETHER)]
        contents = [hostile.arranged([safe_html(each).html for each in group]) for group in shared]
        served = [(plain(content), {}) for content in contents]
    else:
        shared = hostile.groups(snippets)
        served = [serve(hostile.arranged([asked_plainly(each) for each in group])) for group in shared]
    frames = []
    for number, (group, page) in enumerate(zip(shared, served, strict=True)):
        address = site.put(f"/snippet/{number}", *page)
        width, height = (600, 360) if len(group) > 1 else (150, 120)
        place = f'width={width} height={height} data-count={len(group)} src="{address}"'
        frames.append(f"<iframe {place} {attribute}></iframe>")
    return watcher.show(site.put("/batch", plain("".join(frames))), scripts=serve is sanitised)


def offences(seen, *, requests):
    return [*seen.acts, *(seen.foreign if requests else [])]


def culprits(watcher, site, snippets, layer):
    """Return each of `snippets` that gets past a layer, and what it did."""
    serve, attribute, requests = LAYERS[layer]
    found = {each: offences(shown(watcher, site, [each], serve, attribute), requests=requests) for each in snippets}
    return {each: bad for each, bad in found.items() if bad}


@pytest.mark.parametrize("name", ["httpleaks", "dompurify", "loofah", "payloadbox"])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_alone_keeps_every_snippet_harmless(watcher, site, layer, name, capsys):
    serve, attribute, requests = LAYERS[layer]
    snippets = corpora.hostile_sets()[name]
    figures, through = Counter(), {}
    for start in range(0, len(snippets), BATCH):
        batch = snippets[start : start + BATCH]
        seen = shown(watcher, site, batch, serve, attribute)
        figures.update(acts=len(seen.acts), requests=len(seen.foreign), blocked=seen.blocked)
        if offences(seen, requests=requests):
            through |= culprits(watcher, site, batch, layer) or {"together": offences(seen, requests=requests)}
    with capsys.disabled():
        print(f"\n{layer}, {name}: {len(snippets)} snippets, {dict(figures)}")  # noqa: T201  # the figures are the result
    assert through == {}


@pytest.mark.parametrize("snippet", ['<link rel="preconnect" href="{}">', '<iframe src="{}"></iframe>'])
def test_under_the_policy_alone_a_connection_may_open_but_nothing_is_asked(watcher, site, snippet):
    # Chromium connects before it looks at the policy; no policy speaks of it. The sanitiser drops the elements.
    snippet = snippet.format("https://leaking.via/x")
    seen = watcher.show(site.put("/bare", *under_policy(snippet)), scripts=False)
    assert seen.acts == []
    assert set(seen.foreign) <= {"CONNECT leaking.via:443"}
    assert shown(watcher, site, [snippet], *LAYERS["the sanitiser"][:2]).foreign == []


def test_without_any_layer_they_act(watcher, site):
    known = corpora.known_to_act()
    asked = [each for each in known["request"] if not bare(watcher, site, each).foreign]
    spoke = [each for each in known["dialog"] if not bare(watcher, site, each).acts]
    assert asked == []
    assert spoke == []


def bare(watcher, site, snippet):
    return watcher.show(site.put("/bare", plain(snippet)))
