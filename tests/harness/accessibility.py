"""What keeps people out of a page: found by axe-core, a strict parser, and a look at its widths."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page, Response

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own, of 2020
    import html5lib

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The frame of a body runs no script, so axe cannot look into it.
RUN = """
tags => axe.run(document, {iframes: false, runOnly: tags, resultTypes: ["violations"]}).then(found => [
  found.passes.length,
  found.violations.flatMap(rule => rule.nodes.map(
    node => [rule.id, node.target.join(" "), node.html.slice(0, 160), ...node.any.map(why => why.message)].join("; ")))
])
"""
SIDEWAYS = """
() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.body.querySelectorAll("*")].filter(each => each.getBoundingClientRect().right > width + 1);
  return [`${document.documentElement.scrollWidth} > ${width}: ` + wide.slice(0, 4).map(
    each => each.tagName + "." + each.className).join(", ")];
}
"""
LARGE_TEXT = "size => { document.documentElement.style.fontSize = size; }"
SCHEMES, WIDTHS, HEIGHT = ("light", "dark"), (390, 1280), 844


@dataclass
class Inspector:
    """Looks at one browser's pages, each in both schemes and at every width."""

    page: Page
    # Faults by page and where they were seen.
    faults: dict[str, list[str]] = field(default_factory=dict)
    # Rows of the table: page, views, rules passed, violations.
    table: list[tuple[str, int, int, int]] = field(default_factory=list)
    _document: Response | None = None

    def __post_init__(self) -> None:
        self.page.on("response", self._came)

    def _came(self, response: Response) -> None:
        if response.request.is_navigation_request() and response.frame == self.page.main_frame:
            self._document = response

    def look(self, name: str) -> None:
        """Look at the page as it is now."""
        passed = violations = views = 0
        self.page.evaluate(AXE)
        for scheme in SCHEMES:
            for width in WIDTHS:
                self._view(scheme, width)
                passed, found = self.page.evaluate(RUN, TAGS)
                self._note(f"{name}, {scheme}, {width}", found)
                violations, views = violations + len(found), views + 1
        self._narrow(name)
        self._forced(name)
        self._note(f"{name}, parser", self._parse_errors())
        self.table.append((name, views, passed, violations))

    def _view(self, scheme: str, width: int) -> None:
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        self.page.set_viewport_size({"width": width, "height": HEIGHT})

    def _narrow(self, name: str) -> None:
        """Look for sideways scrolling at 320 pixels, and with text twice as large."""
        self._view("light", 320)
        self._note(f"{name}, 320 px", self.page.evaluate(SIDEWAYS))
        self.page.set_viewport_size({"width": 1280, "height": HEIGHT})
        self.page.evaluate(LARGE_TEXT, "200%")
        self._note(f"{name}, text 200 %", self.page.evaluate(SIDEWAYS))
        self.page.evaluate(LARGE_TEXT, "")

    def _forced(self, name: str) -> None:
        """Look at it in colours that the reader forces."""
        self.page.emulate_media(forced_colors="active")
        _, found = self.page.evaluate(RUN, TAGS)
        self._note(f"{name}, forced colours", found)
        self.page.emulate_media(forced_colors="none")

    def _parse_errors(self) -> list[str]:
        """Return what a strict parser says of the page as it was sent."""
        if self._document is None:
            return ["no document seen"]
        source = self._document.text()
        parser = html5lib.HTMLParser()
        parser.parse(source)
        lines = source.split("\n")
        return [
            f"{code} {data} in {lines[min(at[0], len(lines)) - 1].strip()[:120]}" for at, code, data in parser.errors
        ]

    def _note(self, where: str, found: list[str]) -> None:
        if found:
            self.faults[where] = found

    def printed(self) -> str:
        """Return the table as text."""
        rows = [f"{name:32} {views:5} {passed:7} {bad:10}" for name, views, passed, bad in self.table]
        return "\n".join([f"{'page':32} views  passed violations", *rows])
