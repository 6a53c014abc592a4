"""Notices: the mail that tells people that mail is waiting, and never what it says."""
