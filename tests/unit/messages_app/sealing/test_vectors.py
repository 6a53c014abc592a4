"""What was sealed by an earlier version opens in this one: frozen bytes in tests/vectors."""

import io
import json
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
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


class Bound(NamedTuple):
    """What opening asks of a binding."""

    kind: str
    bucket_id: str
    info: bytes
    message_id: UUID


# By itself, with those that came with it, and with those of the same second too.
@pytest.mark.parametrize("vector", ["wrap", "grouped", "chained"])
def test_a_frozen_wrap_of_each_kind_opens_to_its_data_key(vector):
    message_id, told = UUID(VECTORS["message_id"]), VECTORS[vector]["info"]
    info = hpke.wrap_info(message_id=message_id, **told)
    pair = key_pair(bytes.fromhex(VECTORS["wrap"]["seed"]))
    opened = pair.open(
        bytes.fromhex(VECTORS[vector]["sealed"]), Bound(told["kind"], told["bucket_id"], info, message_id)
    )
    assert (opened.dek.hex(), opened.commitment.hex()) == (VECTORS["dek"], VECTORS["commitment"])
