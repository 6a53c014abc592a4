"""TLS levels, under Postfix's names, what a failed session shows, and what to do when none can be had."""

from enum import StrEnum


class Level(StrEnum):
    """What a session must prove. There is no level without verified TLS.

    MTA_STS is never chosen: a domain that publishes it raises `verify` by itself.
    """

    VERIFY = "verify"
    SECURE = "secure"
    DANE = "dane"
    DANE_ONLY = "dane-only"
    FINGERPRINT = "fingerprint"
    MTA_STS = "mta-sts"
    PORTAL_ONLY = "portal-only"


# Levels at which a host was promised to have TLS, by its domain or by staff: where it has none, something is wrong.
PROMISES = frozenset({Level.DANE, Level.FINGERPRINT, Level.MTA_STS})


class OnTLSFailure(StrEnum):
    """What becomes of the message when enforced TLS can't be had."""

    PORTAL = "portal"
    DEFER = "defer"
    BOUNCE = "bounce"

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        """Return the answers as choices of a Django field."""
        return [(answer.value, answer.value) for answer in cls]


class ResultType(StrEnum):
    """How TLS failed, in the words of RFC 8460 section 4.3."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


HOST_MISMATCH = 62  # OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH

# OpenSSL's X509_V_ERR_* numbers (x509_vfy.h) to a result type and plain words; others are validation failures.
VERIFY_CODES: dict[int, tuple[ResultType, str]] = {
    2: (ResultType.CERTIFICATE_NOT_TRUSTED, "a certificate from an unknown issuer"),
    9: (ResultType.VALIDATION_FAILURE, "a certificate that is not valid yet"),
    10: (ResultType.CERTIFICATE_EXPIRED, "an expired certificate"),
    18: (ResultType.CERTIFICATE_NOT_TRUSTED, "a self-signed certificate"),
    19: (ResultType.CERTIFICATE_NOT_TRUSTED, "a self-signed certificate in its chain"),
    20: (ResultType.CERTIFICATE_NOT_TRUSTED, "a certificate from an unknown issuer"),
    21: (ResultType.CERTIFICATE_NOT_TRUSTED, "a certificate without its issuer's"),
    HOST_MISMATCH: (ResultType.CERTIFICATE_HOST_MISMATCH, "a certificate for another name"),
    64: (ResultType.CERTIFICATE_HOST_MISMATCH, "a certificate for another address"),
}


def certificate_failure(verify_code: int) -> tuple[ResultType, str]:
    """Return the result type of OpenSSL's `verify_code`, and what the host presented, in plain words."""
    return VERIFY_CODES.get(verify_code, (ResultType.VALIDATION_FAILURE, "a certificate that does not verify"))


def enhanced_code(result_type: str) -> str:
    """Return the RFC 3463 code for a TLS failure: 5.7.4 not offered, 5.7.5 failed (as Postfix has it)."""
    return "5.7.4" if result_type == ResultType.STARTTLS_NOT_SUPPORTED else "5.7.5"
