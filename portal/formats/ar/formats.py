"""Dates in Arabic: the month in words, the day in 24 hours, digits as in addresses and codes."""

DATE_FORMAT = "j F Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j F Y، H:i"
SHORT_DATE_FORMAT = "j F Y"
MONTH_DAY_FORMAT = "j F"
