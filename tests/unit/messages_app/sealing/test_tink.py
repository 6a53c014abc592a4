"""Our streams are Tink's: each side opens what the other sealed."""

import io
import secrets

import pytest
import tink
from tink import cleartext_keyset_handle, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from messages_app.sealing.stream import FIRST_PLAIN, PLAIN, SEGMENT, OpeningReader, SealingWriter

KEY = bytes(range(32))
CONTEXT = b"context"
SIZES = [0, 1, FIRST_PLAIN - 1, FIRST_PLAIN, FIRST_PLAIN + 1, FIRST_PLAIN + PLAIN, FIRST_PLAIN + 2 * PLAIN + 9]


@pytest.fixture(scope="module")
def oracle():
    streaming_aead.register()
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0,
        params=aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=SEGMENT, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
        ),
        key_value=KEY,
    )
    data = tink_pb2.KeyData(
        type_url="type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
        value=key.SerializeToString(),
        key_material_type=tink_pb2.KeyData.SYMMETRIC,
    )
    entry = tink_pb2.Keyset.Key(key_data=data, status=tink_pb2.ENABLED, key_id=1, output_prefix_type=tink_pb2.RAW)
    keyset = tink_pb2.Keyset(primary_key_id=1, key=[entry])
    handle = cleartext_keyset_handle.read(tink.BinaryKeysetReader(keyset.SerializeToString()))
    return handle.primitive(streaming_aead.StreamingAead)


@pytest.mark.parametrize("size", SIZES)
def test_tink_opens_what_we_seal(oracle, size):
    plaintext, sealed = secrets.token_bytes(size), io.BytesIO()
    writer = SealingWriter(sealed, KEY, CONTEXT)
    writer.write(plaintext)
    writer.close()
    sealed.seek(0)
    with oracle.new_decrypting_stream(sealed, CONTEXT) as plain:
        assert plain.read() == plaintext


class Kept(io.BytesIO):
    """Tink closes its target; the bytes are wanted after that."""

    def close(self):
        self.kept = self.getvalue()
        super().close()


@pytest.mark.parametrize("size", SIZES)
def test_we_open_what_tink_seals(oracle, size):
    plaintext, sealed = secrets.token_bytes(size), Kept()
    with oracle.new_encrypting_stream(sealed, CONTEXT) as stream:
        stream.write(plaintext)
    with OpeningReader(io.BytesIO(sealed.kept), KEY, CONTEXT) as plain:
        plain.verify_end()
        assert plain.read() == plaintext
