"""The control: without any layer the snippets do what they are known to do, so the watcher would see it."""

import pytest

from tests.harness import corpora
from tests.harness.hostile import arranged, groups
from tests.harness.hostile_layers import in_frames, plain

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.skipif(not corpora.present(), reason=corpora.WHY_MISSING),
]


def bare(watcher, site, snippets):
    """Return what the browser did with `snippets`, each alone in a frame."""
    return watcher.show(in_frames(site, [(1, (plain(each), {})) for each in snippets]))


def test_those_that_ask_are_seen_asking(watcher, site):
    known = corpora.known_to_act()["request"]
    # Each asks a host of its own, so that all can be asked at once.
    asked = " ".join(bare(watcher, site, [asking_of(each, number) for number, each in enumerate(known)]).foreign)
    assert [each for number, each in enumerate(known) if f"n{number}.leaking.via" not in asked] == []


def asking_of(snippet, number):
    return snippet.replace("leaking.via", f"n{number}.leaking.via")


def test_those_that_speak_are_heard(watcher, site):
    known = corpora.known_to_act()["dialog"]
    acts = " ".join(bare(watcher, site, known).acts)
    assert [each for number, each in enumerate(known) if f"/snippet/{number}/" not in acts] == []


DEEDS = {
    "click": '<p onclick="alert(1)">x</p>',
    "hover": '<p onmouseover="alert(1)">x</p>',
    "focus": '<p tabindex=1 onfocus="alert(1)">x</p>',
    "key": '<p onkeydown="alert(1)">x</p>',
    "submit": '<form action="javascript:alert(1)"><input></form>',
    "follow": '<a href="javascript:alert(1)">x</a>',
}


def test_what_somebody_does_wakes_them(watcher, site):
    acts = " ".join(bare(watcher, site, list(DEEDS.values())).acts)
    assert [deed for number, deed in enumerate(DEEDS) if f"/snippet/{number}/" not in acts] == []


def test_those_that_share_a_document_act_as_well(watcher, site):
    awake = [each for deed, each in DEEDS.items() if deed not in {"submit", "follow"}]
    shared = groups(awake)
    assert len(shared) == 1
    seen = watcher.show(in_frames(site, [(len(each), (plain(arranged(each)), {})) for each in shared]))
    assert len(seen.acts) >= len(awake)
