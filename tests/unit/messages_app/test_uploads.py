"""Rules of uploads: sealed as they arrive, within a limit for each request."""

import pytest
from django.core.exceptions import RequestDataTooBig
from django.test import RequestFactory

from messages_app import uploads
from messages_app.sealing.stream import OpeningReader

LARGE = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def store(settings, tmp_path):
    settings.STORE_DIR = tmp_path
    return tmp_path


@pytest.fixture
def posted():
    """Return a function that gives a request with files, read, and a text field behind them."""
    requests = []

    def post(**files):
        requests.append(read(**files))
        return requests[-1]

    yield post
    for request in requests:
        request.close()


def read(**files):
    named = {name: uploaded(name, content) for name, content in files.items()}
    request = RequestFactory().post("/", named | {"text": "what Rita wrote"})
    assert request.POST["text"] == "what Rita wrote"
    return request


def uploaded(name, content):
    from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: PLC0415

    return SimpleUploadedFile(f"{name}.bin", content, "application/pdf")


def test_a_small_file_stays_in_memory(store, posted):
    file = posted(a=b"small").FILES["a"]
    assert (file.name, file.size, file.content_type, file.read()) == ("a.bin", 5, "application/pdf", b"small")
    assert not list(store.rglob("*"))


def test_a_large_file_is_sealed_in_a_file_without_a_name_and_reads_the_same(store, posted):
    file = posted(a=LARGE).FILES["a"]
    assert isinstance(file.file, OpeningReader)
    assert file.size == len(LARGE)
    assert b"".join(file.chunks()) == LARGE
    assert b"".join(file.chunks()) == LARGE  # and again
    assert [path.name for path in store.rglob("*")] == ["tmp"]


def test_what_is_on_the_disk_is_not_the_content(store):
    sink = uploads._Sink()
    sink.write(LARGE)
    reader = sink.reader()
    sink._file.seek(0)
    assert LARGE[:64] not in sink._file.read()
    reader.close()


def test_a_file_beyond_the_limit_is_left_out_and_named_and_the_rest_is_kept(store, settings, posted):
    settings.UPLOAD_LIMIT = 600 * 1024
    request = posted(a=b"x" * 400_000, b=b"y" * 400_000, c=b"z" * 100_000)
    assert sorted(request.FILES) == ["a", "c"]
    assert uploads.refused(request) == ["b.bin"]


def test_a_request_far_beyond_the_limit_is_not_read(store, settings):
    settings.UPLOAD_LIMIT = 1000
    request = RequestFactory().post("/", {"a": uploaded("a", b"x" * 100_000)})
    with pytest.raises(RequestDataTooBig):
        request.FILES.keys()


def test_nothing_is_refused_where_nothing_was_uploaded():
    assert uploads.refused(RequestFactory().get("/")) == []


def test_an_interrupted_upload_leaves_nothing(store):
    handler = uploads.SealedUploadHandler()
    handler.new_file("a", "a.bin", "application/pdf", None)
    handler.receive_data_chunk(LARGE, 0)
    handler.upload_interrupted()
    assert handler._sink._file.closed
