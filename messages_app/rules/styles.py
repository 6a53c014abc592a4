"""Style attributes reduced to what can only change how text looks.

nh3 filters properties by name but not the `url()` and `var()` within their values;
tinycss2 reads the values, and only known kinds of token pass.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import tinycss2
from tinycss2.ast import Declaration, FunctionBlock, Node

LIMIT = 4096
PROPERTIES = frozenset(
    """
    align-items background background-color background-image border border-bottom border-bottom-color
    border-bottom-left-radius border-bottom-right-radius border-bottom-style border-bottom-width border-collapse
    border-color border-left border-left-color border-left-style border-left-width border-radius border-right
    border-right-color border-right-style border-right-width border-spacing border-style border-top border-top-color
    border-top-left-radius border-top-right-radius border-top-style border-top-width border-width box-shadow
    box-sizing clear color direction display flex flex-direction flex-wrap float font font-family font-size font-style
    font-variant font-weight gap height justify-content letter-spacing line-height list-style list-style-position
    list-style-type margin margin-bottom margin-left margin-right margin-top max-height max-width min-height min-width
    opacity overflow overflow-wrap padding padding-bottom padding-left padding-right padding-top table-layout
    text-align text-decoration text-indent text-transform unicode-bidi vertical-align visibility white-space width
    word-break word-spacing word-wrap
    """.split()  # noqa: SIM905  # a list of sixty words reads badly
)
_COLOURS = frozenset({"rgb", "rgba", "hsl", "hsla"})
_GRADIENTS = frozenset({"linear-gradient", "radial-gradient"})
_VALUES = frozenset({"dimension", "hash", "ident", "number", "percentage", "string", "whitespace"})
_PLAIN = re.compile(r"[\w-]+")
_IN_COLOUR = frozenset({"dimension", "number", "percentage", "whitespace"})
_IN_GRADIENT = _IN_COLOUR | {"hash", "ident"}


class Look(NamedTuple):
    """A declaration that may stay."""

    name: str
    value: str
    important: bool = False


@lru_cache(maxsize=2048)
def filter_style(style: str) -> str:
    """Return the declarations of `style` that are allowed; none of one that is longer than `LIMIT`."""
    return written(looks(style))


def written(declarations: Iterable[Look]) -> str:
    """Return `declarations` as they stand in a style attribute; which are important is left out."""
    return ";".join(f"{each.name}:{each.value}" for each in declarations)


def looks(style: str) -> list[Look]:
    """Return the declarations of `style` that are allowed; none of one that is longer than `LIMIT`."""
    if len(style) > LIMIT:
        return []
    nodes = tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True)
    found = [_look(node) for node in nodes if isinstance(node, Declaration) and node.lower_name in PROPERTIES]
    return [look for look in found if look.value]


def _look(node: Declaration) -> Look:
    """Return a declaration, without a value where it is not harmless; a background stays without its image."""
    harmless = [token for token in node.value if _harmless(token, node.lower_name)]
    if len(harmless) == len(node.value):
        value = tinycss2.serialize(harmless).strip()
    else:
        kept = [token for token in harmless if token.type != "whitespace" and node.lower_name == "background"]
        value = " ".join(tinycss2.serialize([token]) for token in kept)
    # Where words meet that a comment parted, one is written between them: nothing that anybody means.
    return Look(node.lower_name, "" if "/*" in value else value, bool(node.important))


def _harmless(token: Node, name: str) -> bool:
    """Return whether a token of the property `name` can fetch nothing and refer to nothing."""
    if not isinstance(token, FunctionBlock):
        # Escapes can make a word of what looks like a call: no browser takes it for one, and nobody writes it.
        return _divides(token) or (
            token.type in _VALUES and (token.type != "ident" or bool(_PLAIN.fullmatch(token.value)))
        )
    if token.lower_name in _GRADIENTS and name.startswith("background"):
        return all(map(_in_gradient, token.arguments))
    return token.lower_name in _COLOURS and all(map(_in_colour, token.arguments))


def _in_gradient(token: Node) -> bool:
    """Return whether a token may stand within linear-gradient() or radial-gradient()."""
    if isinstance(token, FunctionBlock):
        return token.lower_name in _COLOURS and all(map(_in_colour, token.arguments))
    return token.type in _IN_GRADIENT or _divides(token)


def _in_colour(token: Node) -> bool:
    """Return whether a token may stand within rgb() or hsl()."""
    return token.type in _IN_COLOUR or _divides(token)


def _divides(token: Node) -> bool:
    """Return whether a token is a comma or a slash."""
    return token.type == "literal" and token.value in {",", "/"}
