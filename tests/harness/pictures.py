"""Pictures of one browser's pages at both widths and in both schemes, and nothing else: what people look at."""

import re
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Page

from tests.harness.accessibility import HEIGHT, SCHEMES, WIDTHS

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|x{43}")


class Looks(Protocol):
    """Whoever a tour shows its pages to."""

    def look(self, name: str) -> None:
        """Look at the page as it is now."""


@dataclass
class Photographer:
    """Keeps full-length pictures in `folder`/WIDTH-SCHEME, numbered in the order of the tour."""

    page: Page
    folder: Path
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def look(self, name: str) -> None:
        """Take the page's four pictures; one load of it is enough for all of them."""
        self.page.wait_for_load_state()
        file = f"{next(self._numbers):02} {re.sub('[^a-zA-Z0-9]+', ' ', ID.sub('one', name)).strip()}.png"
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": HEIGHT})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
                self._take(self.folder / f"{width}-{scheme}", file.replace(" ", "-"))

    def _take(self, folder: Path, file: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / file, full_page=True)
