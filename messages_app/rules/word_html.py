"""Mail written with Word: its paragraphs have no space between them, which its style sheet alone says.

The sanitiser leaves out style sheets and classes, so the one rule that every such
mail depends on is written into the paragraphs themselves before. What comes out is
as untrusted as what went in.
"""

import re

_PARAGRAPH = re.compile(r"<(p|li|div)\b([^<>]{0,2000})>", re.IGNORECASE)
_WORDS_CLASS = re.compile(r"\bclass\s*=\s*[\"']?Mso(?:Normal|ListParagraph|NoSpacing|PlainText)", re.IGNORECASE)
_STYLE = re.compile(r"\bstyle\s*=\s*([\"'])", re.IGNORECASE)
_TIGHT = "margin:0;"


def tighten(html: str) -> str:
    """Return `html` with the paragraphs of Word's classes close together; their own styles come after and win."""
    return _PARAGRAPH.sub(_tightened, html) if "Mso" in html else html


def _tightened(match: re.Match[str]) -> str:
    tag, attributes = match.groups()
    if not _WORDS_CLASS.search(attributes):
        return match[0]
    styled, count = _STYLE.subn(lambda found: found[0] + _TIGHT, attributes, count=1)
    return f"<{tag}{styled}>" if count else f'<{tag} style="{_TIGHT}"{attributes}>'
