"""The layers against hostile HTML, each as a browser meets it with the other two away."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from messages_app.render import safe_html
from messages_app.views import body
from tests.harness import hostile

# Snippets on one page.
BATCH = 192
_TEMPLATE = Path(body.__file__).resolve().parents[2] / "templates" / "messages_app" / "message.html"
_FRAME = re.search(r'<iframe [^>]*sandbox="([^"]*)"', _TEMPLATE.read_text(encoding="utf-8"))

Page = tuple[str | bytes, dict[str, str]]


def plain(html: str) -> str:
    """Return `html` as a page like any other."""
    return f"<!doctype html><meta charset=utf-8><title>Mail</title>{html}"


@dataclass(frozen=True)
class Layer:
    """How a layer gets snippets, and what it promises."""

    # What becomes of a snippet before it shares a document with others.
    alone: Callable[[str], str]
    # How a document is served.
    serve: Callable[[str], Page]
    # The attribute of its frame.
    attribute: str = ""
    # Whether nothing is asked of others.
    stops_requests: bool = True

    def documents(self, snippets: Sequence[str]) -> list[tuple[int, Page]]:
        """Return `snippets` as documents, and how many are in each."""
        shared = hostile.groups([self.alone(each) for each in snippets])
        return [(len(group), self.serve(hostile.arranged(group))) for group in shared]

    def offences(self, seen: hostile.Seen) -> list[str]:
        """Return what `seen` has that this layer promised would not be."""
        return [*seen.acts, *(seen.foreign if self.stops_requests else [])]


def _asking_plainly(snippet: str) -> str:
    """Return `snippet` asking without TLS, so that the trap sees more than a connection."""
    return snippet.replace("https:", "http:")


def _under_policy(html: str) -> Page:
    response = body.document(html)
    return response.content, dict(response.headers)


SANITISER = Layer(lambda snippet: safe_html(snippet).html, lambda html: (plain(html), {}))
POLICY = Layer(_asking_plainly, _under_policy)
# It does not stop an image from loading.
SANDBOX = Layer(
    _asking_plainly,
    lambda html: (plain(html), {}),
    attribute=f'sandbox="{_FRAME[1] if _FRAME else "missing"}"',
    stops_requests=False,
)


def shown(watcher: hostile.Watcher, site: hostile.Pages, layer: Layer, snippets: Sequence[str]) -> hostile.Seen:
    """Return what the browser did with `snippets` under `layer`, all on one page, each document in its frame."""
    return watcher.show(in_frames(site, layer.documents(snippets), layer.attribute))


def in_frames(site: hostile.Pages, documents: Sequence[tuple[int, Page]], attribute: str = "") -> str:
    """Return the address of one page with all `documents`, each in its frame; that of the first is /snippet/0/."""
    frames = []
    for number, (count, page) in enumerate(documents):
        width, height = (900, 480) if count > 1 else (150, 120)
        address = site.put(f"/snippet/{number}/", *page)
        frames.append(f'<iframe width={width} height={height} src="{address}" {attribute}></iframe>')
    return site.put("/batch", plain("".join(frames)))


def through(
    watcher: hostile.Watcher, site: hostile.Pages, layer: Layer, snippets: Sequence[str]
) -> tuple[dict[str, list[str]], Counter[str]]:
    """Return each of `snippets` that gets past `layer` with what it did, and the figures of all."""
    figures: Counter[str] = Counter(snippets=len(snippets))
    found: dict[str, list[str]] = {}
    for start in range(0, len(snippets), BATCH):
        batch = snippets[start : start + BATCH]
        seen = shown(watcher, site, layer, batch)
        figures.update(acts=len(seen.acts), requests=len(seen.foreign), blocked=seen.blocked)
        if bad := layer.offences(seen):
            found |= _culprits(watcher, site, layer, batch) or {"together": bad}
    return found, figures


def _culprits(
    watcher: hostile.Watcher, site: hostile.Pages, layer: Layer, snippets: Sequence[str]
) -> dict[str, list[str]]:
    alone = {each: layer.offences(shown(watcher, site, layer, [each])) for each in snippets}
    return {each: bad for each, bad in alone.items() if bad}
