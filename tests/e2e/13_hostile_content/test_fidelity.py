"""What ordinary mail loses on its way through the sanitiser: no word, and not its layout.

With SCREENSHOTS=DIR each mail is kept there as it was sent and as it is shown.
"""

import os
from pathlib import Path

import pytest
from django.test import override_settings

from messages_app.render import safe_html
from messages_app.views import body
from tests.harness import corpora, hostile
from tests.harness.browser import reader

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.skipif(not corpora.present(), reason=corpora.WHY_MISSING),
]

MEASURE = """
() => {
  const all = document.createRange();
  all.selectNodeContents(document.querySelector("body > .mail-page:only-child") ?? document.body);
  return {
  words: document.body.innerText.split(/\\s+/).filter(Boolean).sort().join(" "),
  height: all.getBoundingClientRect().height,
  wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  columns: [...document.querySelectorAll("td, th, div[style*='inline-block']")].map(
    each => Math.round(each.getBoundingClientRect().width)),
  };
}
"""
# For each column that shares a line on a desk, whether it begins at the left edge of what is around it.
AT_EDGE = """
() => [...document.querySelectorAll("div[style*='inline-block']")].map(each => {
  return each.getBoundingClientRect().left - each.parentElement.getBoundingClientRect().left < 30;
})
"""
DARK = "rgb(29, 43, 58)"
# Written by us in the manner of Word, Gmail, Apple Mail and newsletters.
OWN = sorted(Path(__file__).with_name("mails").glob("*.html"))
MAILS = [
    *OWN,
    *sorted((corpora.FOLDER / "postmark-templates").glob("*.html")),
    corpora.FOLDER / "loofah" / "msword.html",
]


@pytest.fixture(scope="module")
def site():
    with hostile.pages() as started, override_settings(PORTAL_BASE_URL=started.origin):
        yield started


@pytest.fixture(scope="module")
def page(browser, site):
    with hostile.trap() as caught:
        proxy = {"server": caught.address, "bypass": f"<-loopback>;{site.origin.removeprefix('http://')}"}
        with reader(browser, viewport={"width": 800, "height": 900}, proxy=proxy) as rita:
            yield rita.page


def measured(page, address, name, tmp_path):
    page.goto(address)
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path).resolve() / "fidelity"
    page.screenshot(path=folder / f"{name}.png", full_page=True)
    return page.evaluate(MEASURE)


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_an_ordinary_mail_keeps_its_words_and_its_layout(site, page, path, tmp_path):
    source = path.read_text(encoding="utf-8", errors="replace")
    sent = measured(page, site.put("/sent", source), f"{path.stem}-sent", tmp_path)
    address = site.put("/shown", body.document(safe_html(source).html).content)
    shown = measured(page, address, f"{path.stem}-shown", tmp_path)
    assert shown["words"] == sent["words"]
    assert not shown["wide"]
    if sent["columns"]:
        assert 0.85 < shown["height"] / sent["height"] < 1.25
        # The frame's own margin of 20 pixels on either side may narrow the outermost.
        widths = zip(sent["columns"], shown["columns"], strict=True)
        assert [pair for pair in widths if abs(pair[0] - pair[1]) > 48] == []


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_an_ordinary_mail_fits_a_phone(site, page, path, tmp_path):
    address = site.put("/shown", body.document(safe_html(path.read_text(encoding="utf-8")).html).content)
    page.set_viewport_size({"width": 390, "height": 800})
    try:
        assert not measured(page, address, f"{path.stem}-phone", tmp_path)["wide"]
    finally:
        page.set_viewport_size({"width": 800, "height": 900})


def test_columns_stand_beside_one_another_on_a_desk_and_below_on_a_phone(site, page):
    source = Path(__file__).with_name("mails").joinpath("columns.html").read_text(encoding="utf-8")
    page.goto(site.put("/shown", body.document(safe_html(source).html).content))
    beside = page.evaluate(AT_EDGE)
    page.set_viewport_size({"width": 390, "height": 800})
    below = page.evaluate(AT_EDGE)
    page.set_viewport_size({"width": 800, "height": 900})
    assert beside == [True, False, True, False, False]
    assert below == [True] * 5
    # White writing has the dark ground that it was written for.
    assert page.locator(".mail-page").evaluate("each => getComputedStyle(each).backgroundColor") == DARK
