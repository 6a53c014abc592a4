"""The portal's own settings, with an empty page to compare with, and room for many sign-ins from one address."""

from portal.settings import *  # noqa: F403
from portal.settings import ACCOUNT_RATE_LIMITS

ROOT_URLCONF = "bench.web.urls"
# Counted as ever, so that counting is measured too; the limit is out of reach.
ACCOUNT_RATE_LIMITS = ACCOUNT_RATE_LIMITS | {"login": "1000000/m/ip"}
