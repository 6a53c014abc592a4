"""Show an address to someone who may know it, without telling it to someone who does not."""


def masked(address: str) -> str:
    """Return `address` with its local part hidden but for the first letter: r•••@partner.example."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"
