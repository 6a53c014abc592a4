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
  all.selectNodeContents(document.body);
  return {
  words: document.body.innerText.split(/\\s+/).filter(Boolean).sort().join(" "),
  height: all.getBoundingClientRect().height,
  wide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  columns: [...document.querySelectorAll("td, th")].map(each => Math.round(each.getBoundingClientRect().width)),
  };
}
"""
# Written by us in the manner of Word, Gmail, Apple Mail and a newsletter.
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
