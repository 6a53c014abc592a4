"""What can go wrong with sealed bytes. No message of these names content, subjects or people."""


class SealingError(Exception):
    """The root of all errors of this package."""


class Broken(SealingError):  # noqa: N818, reads as what the bytes are
    """Sealed bytes were altered, cut, mixed up, or belong to something else."""


class Unopenable(SealingError):  # noqa: N818, reads as what the bytes are
    """No data key comes out of this wrap: it is missing, altered, or its bucket key is gone."""


class UntrustedBucket(SealingError):  # noqa: N818, reads as what the bytes are
    """There is no bucket key with this id that the root has signed and that still stands."""


class RingError(SealingError):
    """The root key ring is missing, unreadable, or open to others: nothing is sealed or opened."""
