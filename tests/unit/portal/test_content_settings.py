"""What a content host changes: it is answered, and may be framed by the portal's pages."""

import json
import os
import subprocess
import sys

import pytest

ASK = """
import json
from portal import settings
print(json.dumps([settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["frame-src"][1:], settings.ALLOWED_HOSTS[1:]]))
"""


@pytest.mark.parametrize(
    ("base", "found"), [("", [[], []]), ("https://body.example/", [["https://body.example"], ["body.example"]])]
)
def test_a_content_host_is_answered_and_framed(tmp_path, base, found):
    environment = {**os.environ, "CONTENT_BASE_URL": base, "EXTRA_HOSTS": "", "DATA_DIR": str(tmp_path)}
    said = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == found
