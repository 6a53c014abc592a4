"""What a browser says of itself, in words of ours: its header is text that whoever sends it chooses."""

# In this order: Edge and Opera call themselves Chrome too, and all of them Safari.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
    ("Lynx", "Lynx"),
)
# iPhones say "like Mac OS X", and Android says Linux.
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def name(user_agent: str) -> str:
    """Return "Firefox, Windows", or what of it is known, "?" where nothing is.

    Nothing of `user_agent` itself is ever returned: in a mail that people trust it
    would speak to them.
    """
    browser = next((word for mark, word in _BROWSERS if mark in user_agent), "")
    system = next((word for mark, word in _SYSTEMS if mark in user_agent), "")
    return ", ".join(word for word in (browser, system) if word) or "?"
