"""What a failed handshake shows."""

import pytest

from gateway.rules import tls
from gateway.rules.tls import Level, OnTLSFailure, ResultType


def test_there_is_no_level_without_verified_tls():
    assert not {"none", "may", "encrypt"} & set(Level)


def test_the_answers_to_a_tls_failure_are_choices():
    assert OnTLSFailure.choices() == [("portal", "portal"), ("defer", "defer"), ("bounce", "bounce")]


@pytest.mark.parametrize(
    ("code", "result_type"),
    [
        (9, ResultType.VALIDATION_FAILURE),
        (10, ResultType.CERTIFICATE_EXPIRED),
        (18, ResultType.CERTIFICATE_NOT_TRUSTED),
        (19, ResultType.CERTIFICATE_NOT_TRUSTED),
        (20, ResultType.CERTIFICATE_NOT_TRUSTED),
        (62, ResultType.CERTIFICATE_HOST_MISMATCH),
        (79, ResultType.VALIDATION_FAILURE),  # whatever else OpenSSL may find
    ],
)
def test_row_13_each_defect_of_a_certificate_has_its_result_type(code, result_type):
    assert tls.certificate_failure(code)[0] is result_type


def test_no_tls_and_bad_tls_have_different_codes():
    assert tls.enhanced_code(ResultType.STARTTLS_NOT_SUPPORTED) == "5.7.4"
    assert tls.enhanced_code(ResultType.CERTIFICATE_EXPIRED) == "5.7.5"
