"""Style attributes reduced to what can only change how text looks.

nh3 filters properties by name but not the `url()` and `var()` within their values;
tinycss2 reads the values, and only known kinds of token pass.
"""

from functools import lru_cache

import tinycss2
from tinycss2.ast import Declaration, FunctionBlock, Node

LIMIT = 4096
PROPERTIES = frozenset(
    """
    background background-color border border-bottom border-bottom-color border-bottom-style border-bottom-width
    border-collapse border-color border-left border-left-color border-left-style border-left-width border-radius
    border-right border-right-color border-right-style border-right-width border-spacing border-style border-top
    border-top-color border-top-style border-top-width border-width box-sizing clear color direction display float font
    font-family font-size font-style font-variant font-weight height letter-spacing line-height list-style-type margin
    margin-bottom margin-left margin-right margin-top max-height max-width min-height min-width overflow-wrap padding
    padding-bottom padding-left padding-right padding-top table-layout text-align text-decoration text-indent
    text-transform unicode-bidi vertical-align white-space width word-break word-spacing word-wrap
    """.split()  # noqa: SIM905  # a list of sixty words reads badly
)
_COLOURS = frozenset({"rgb", "rgba", "hsl", "hsla"})
_VALUES = frozenset({"dimension", "hash", "ident", "number", "percentage", "string", "whitespace"})
_IN_COLOUR = frozenset({"dimension", "number", "percentage", "whitespace"})


@lru_cache(maxsize=2048)
def filter_style(style: str) -> str:
    """Return the declarations of `style` that are allowed; none of one that is longer than `LIMIT`."""
    if len(style) > LIMIT:
        return ""
    nodes = tinycss2.parse_blocks_contents(style, skip_comments=True, skip_whitespace=True)
    return ";".join(f"{node.lower_name}:{tinycss2.serialize(node.value).strip()}" for node in nodes if _allowed(node))


def _allowed(node: Node) -> bool:
    """Return whether a node is a declaration that may stay."""
    return isinstance(node, Declaration) and node.lower_name in PROPERTIES and all(map(_harmless, node.value))


def _harmless(token: Node) -> bool:
    """Return whether a value's token can fetch nothing and refer to nothing."""
    if isinstance(token, FunctionBlock):
        return token.lower_name in _COLOURS and all(_in_colour(argument) for argument in token.arguments)
    return token.type in _VALUES or _divides(token)


def _in_colour(token: Node) -> bool:
    """Return whether a token may stand within rgb() or hsl()."""
    return token.type in _IN_COLOUR or _divides(token)


def _divides(token: Node) -> bool:
    """Return whether a token is a comma or a slash."""
    return token.type == "literal" and token.value in {",", "/"}
