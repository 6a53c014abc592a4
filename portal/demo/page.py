"""Read a page as a person without JavaScript would: its text, links and forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

UNSEEN = {"script", "style", "template", "svg", "title"}


@dataclass
class Form:
    """A form: where it goes, and what its fields hold before anybody types."""

    action: str
    method: str
    multipart: bool
    fields: dict[str, str] = field(default_factory=dict)
    # Names of fields that take a file.
    files: list[str] = field(default_factory=list)
    # Names and values of its submit buttons, in order.
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Link:
    """A link and its words."""

    target: str
    text: str


class PageParser(HTMLParser):
    """Collects `text`, `links`, `frames` (their addresses) and `forms` of one page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[Link] = []
        self.frames: list[str] = []
        self.forms: list[Form] = []
        self._words: list[str] = []
        self._unseen = 0
        self._form: Form | None = None
        self._area: str | None = None
        self._link: tuple[str, int] | None = None
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        """The words that are seen, single spaces between them."""
        return " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open forms, links and what is not seen."""
        values = {name: value or "" for name, value in attrs}
        if tag in UNSEEN:
            self._unseen += 1
        elif tag == "form":
            multipart = values.get("enctype", "") == "multipart/form-data"
            self._form = Form(values.get("action", ""), values.get("method", "get").lower(), multipart)
            self.forms.append(self._form)
        elif tag == "a" and "href" in values:
            self._link = (values["href"], len(self._words))
        elif tag == "iframe" and "src" in values:
            self.frames.append(values["src"])
        elif self._form is not None:
            self._field(self._form, tag, values)

    def _field(self, form: Form, tag: str, values: dict[str, str]) -> None:
        name, kind = values.get("name", ""), values.get("type", "")
        if tag == "textarea" and name:
            form.fields[name] = ""
            self._area = name
        elif tag == "button" and kind in {"", "submit"}:
            form.buttons.append((name, values.get("value", "")))
        elif tag == "input" and name:
            self._input(form, name, kind, values)

    @staticmethod
    def _input(form: Form, name: str, kind: str, values: dict[str, str]) -> None:
        if kind == "file":
            form.files.append(name)
        elif kind == "submit":
            form.buttons.append((name, values.get("value", "")))
        elif kind not in {"checkbox", "radio"} or "checked" in values:
            form.fields[name] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened."""
        if tag in UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = None
        elif tag == "a" and self._link is not None:
            target, start = self._link
            self.links.append(Link(target, " ".join(" ".join(self._words[start:]).split())))
            self._link = None

    def handle_data(self, data: str) -> None:
        """Keep the words."""
        if self._area is not None and self._form is not None:
            self._form.fields[self._area] += data
        elif not self._unseen:
            self._words.append(data)
