"""What was sealed by an earlier version opens in this one: frozen bytes in tests/vectors."""

import io
import json
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest

from messages_app.sealing import hpke, stream
from messages_app.sealing.content import ContentKey
from messages_app.sealing.private_keys import key_pair

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "sealing.json").read_text())


def key():
    return ContentKey(bytes.fromhex(VECTORS["dek"]), UUID(VECTORS["message_id"]))


@pytest.mark.parametrize("vector", VECTORS["parts"], ids=lambda vector: vector["part"])
def test_a_frozen_part_opens(vector):
    source = io.BytesIO(bytes.fromhex(vector["sealed"]))
    assert key().reader(source, vector["part"]).read().decode() == vector["plaintext"]


@pytest.mark.parametrize("vector", VECTORS["fields"], ids=lambda vector: vector["name"])
def test_a_frozen_field_opens(vector):
    assert key().open_field(vector["name"], bytes.fromhex(vector["sealed"])).decode() == vector["plaintext"]


def test_a_frozen_commitment_is_still_that_of_the_key():
    assert key().commitment.hex() == VECTORS["commitment"]


def test_a_long_stream_is_sealed_to_the_same_bytes_under_the_same_salt(monkeypatch):
    vector = VECTORS["long"]
    monkeypatch.setattr(stream.secrets, "token_bytes", lambda size: b"\x01" * size)
    target = io.BytesIO()
    writer = key().writer(target, vector["part"])
    writer.write(bytes(vector["zeros"]))
    writer.close()
    assert sha256(target.getvalue()).hexdigest() == vector["sha256"]


def test_a_frozen_wrap_opens_under_its_bucket_seed():
    vector = VECTORS["wrap"]
    pair = key_pair(bytes.fromhex(vector["seed"]))
    info = hpke.wrap_info(message_id=UUID(VECTORS["message_id"]), **vector["info"])
    assert sha256(pair.public).hexdigest() == vector["public_sha256"]
    assert hpke.SUITE.decrypt(bytes.fromhex(vector["sealed"]), pair.private, info).hex() == VECTORS["dek"]
