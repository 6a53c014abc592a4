"""What keeps people out of a page: found by axe-core, a strict parser, and a look at widths, targets and focus."""

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import axe_playwright_python
from playwright.sync_api import Page, Response

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its own, of 2020
    import html5lib

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
# What a scheme can change; everything else is looked at in the first.
COLOURS = ["color-contrast", "link-in-text-block"]
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The frame of a body runs no script, so axe cannot look into it.
RUN = """
only => axe.run(document, {iframes: false, runOnly: only, resultTypes: ["violations"],
  preload: false}).then(found => [
  found.passes.length,
  found.violations.flatMap(rule => rule.nodes.map(
    node => [rule.id, node.target.join(" "), node.html.slice(0, 160), ...node.any.map(why => why.message)].join("; ")))
])
"""
SIDEWAYS = """
() => {
  const width = document.documentElement.clientWidth;
  // What is squeezed is cut off, and nothing scrolls.
  const content = document.querySelector("#content, main")?.getBoundingClientRect().width;
  if (width < 500 && content < 0.6 * width) return [`the content is ${Math.round(content)} wide`];
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.body.querySelectorAll("*")].filter(each => each.getBoundingClientRect().right > width + 1);
  return [`${document.documentElement.scrollWidth} > ${width}: ` + wide.slice(0, 4).map(
    each => each.tagName + "." + each.className).join(", ")];
}
"""
# Forced colours reach the styles with the next picture.
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
LARGE_TEXT = "size => { document.documentElement.style.fontSize = size; }"
NAME = """
const name = each => `${each.tagName}#${each.id}.${each.className} ${(each.innerText || each.name || "").slice(0, 40)}`;
"""
REACHABLE = """
const reachable = () => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, iframe")]
  .filter(each => !each.disabled && each.tabIndex >= 0 && each.type !== "hidden" && each.checkVisibility(
    {visibilityProperty: true}) && each.getClientRects().length);
"""
# A link or button stretched over its row or card shows its focus there. A frame shows a focus of its own.
FOCUS = (
    "() => {"
    + NAME
    + REACHABLE
    + """
  const ring = each => [null, "::after", "::before"].some(part => {
    const style = getComputedStyle(each, part);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  });
  const before = document.activeElement;
  const unseen = reachable().filter(each => {
    each.focus({preventScroll: true});
    return document.activeElement === each && each.tagName !== "IFRAME" && !ring(each);
  });
  before?.focus({preventScroll: true});
  return unseen.map(each => "no focus to be seen: " + name(each));
}
"""
)
# A link within a sentence is as high as its line (WCAG 2.5.8); a label is a target for what it names.
TARGETS = (
    "() => {"
    + NAME
    + REACHABLE
    + """
  const small = box => box.width < 23.9 || box.height < 23.9;
  const within = each => each.tagName === "A" && getComputedStyle(each).display === "inline";
  const stretched = each => getComputedStyle(each, "::after").position === "absolute";
  const labelled = each => [...(each.labels ?? [])].some(label => !small(label.getBoundingClientRect()));
  const hidden = each => each.closest(".visually-hidden");
  return reachable().filter(each => small(each.getBoundingClientRect())
    && !within(each) && !stretched(each) && !labelled(each) && !hidden(each)).map(each => {
      const box = each.getBoundingClientRect();
      return `${Math.round(box.width)} x ${Math.round(box.height)}: ${name(each)}`;
    });
}
"""
)
MOVING = (
    "() => {"
    + NAME
    + """
  const long = times => times.split(",").some(each => parseFloat(each) > 0.01);
  return [...document.body.querySelectorAll("*")].filter(each => {
    const style = getComputedStyle(each);
    return long(style.transitionDuration) || style.animationName !== "none" && long(style.animationDuration);
  }).map(each => "moves: " + name(each));
}
"""
)
SCHEMES, WIDTHS, HEIGHT = ("light", "dark"), (390, 1280), 844
# Colours in the dark are looked at where all of a page is shown.
VIEWS = (("light", 390), ("light", 1280), ("dark", 1280))
CHECKS = (
    "axe",
    "sideways",
    "320 px",
    "text 200 %",
    "forced colours",
    "motion",
    "focus",
    "targets",
    "parser",
    "browser",
)


@dataclass
class Inspector:
    """Looks at one browser's pages, each in both schemes and widths."""

    page: Page
    # What was found, by check, each with the page and view where it was seen.
    faults: dict[str, list[str]] = field(default_factory=lambda: {check: [] for check in CHECKS})
    # Rows of the table: page, views, rules passed, violations.
    table: list[tuple[str, int, int, int]] = field(default_factory=list)
    _document: Response | None = None

    def __post_init__(self) -> None:
        self.page.on("response", self._came)
        # Half a megabyte: sent to the browser once, not with each page.
        self.page.add_init_script(AXE)

    def _came(self, response: Response) -> None:
        if response.request.is_navigation_request() and response.frame == self.page.main_frame:
            self._document = response

    def look(self, name: str) -> None:
        """Look at the page as it is now, in every way; one load of it is enough for all of them."""
        self.page.wait_for_load_state()
        found = [self._view(name, scheme, width) for scheme, width in VIEWS]
        self._narrow(name)
        self._forced(name)
        self._note("parser", name, self._parse_errors())
        self.table.append((name, len(found), found[0][0], sum(len(each) for _, each in found)))

    def look_for_room(self, name: str) -> None:
        """Look only whether the page has room for its words: in another language the rest of it is the same."""
        self.page.wait_for_load_state()
        for width in WIDTHS:
            self._emulate("light", width)
            self._check("sideways", f"{name}, {width}", SIDEWAYS)
        self._narrow(name)
        self._note("parser", name, self._parse_errors())

    def _view(self, name: str, scheme: str, width: int) -> tuple[int, list[str]]:
        """Return how many rules passed, and what is wrong, in one scheme and width."""
        view = f"{name}, {scheme}, {width}"
        self._emulate(scheme, width)
        passed, found = self.page.evaluate(RUN, TAGS if scheme == "light" else COLOURS)
        self._note("axe", view, found)
        self._check("sideways", view, SIDEWAYS)
        if scheme == "light":
            self._check("targets", view, TARGETS)
            self._check("motion", view, MOVING)
        return passed, found

    def _emulate(self, scheme: str, width: int) -> None:
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        self.page.set_viewport_size({"width": width, "height": HEIGHT})

    def _narrow(self, name: str) -> None:
        """Look for sideways scrolling at 320 pixels, and with text twice as large."""
        self._emulate("light", 320)
        self._check("320 px", name, SIDEWAYS)
        self.page.set_viewport_size({"width": 1280, "height": HEIGHT})
        self.page.evaluate(LARGE_TEXT, "200%")
        self._check("text 200 %", name, SIDEWAYS)
        self.page.evaluate(LARGE_TEXT, "")

    def _forced(self, name: str) -> None:
        """Look at it in colours that the reader forces: shadows are gone there, so a focus needs its outline."""
        self.page.emulate_media(forced_colors="active")
        self.page.evaluate(DRAWN)
        _, found = self.page.evaluate(RUN, COLOURS)
        self._note("forced colours", name, found)
        # What a script focuses after a key shows its focus as if the key had reached it.
        self.page.keyboard.press("Shift")
        self._check("focus", name, FOCUS)
        self.page.emulate_media(forced_colors="none")

    def _check(self, check: str, where: str, script: str) -> None:
        self._note(check, where, self.page.evaluate(script))

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

    def _note(self, check: str, where: str, found: list[Any]) -> None:
        self.faults[check].extend(f"{where}: {each}" for each in found)

    def printed(self) -> str:
        """Return the table as text."""
        rows = [f"{name:40} {views:5} {passed:7} {bad:10}" for name, views, passed, bad in self.table]
        return "\n".join([f"{'page':40} views  passed violations", *rows])
