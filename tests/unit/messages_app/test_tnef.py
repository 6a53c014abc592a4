"""winmail.dat is unpacked; what is broken, or no TNEF, is offered as it came."""

import base64
import io
import random
import struct

import pytest

from messages_app import parsing, tnef
from tests.unit.messages_app.mail import Writers, multipart, parse

SIGNATURE = struct.pack("<IH", 0x223E9F78, 7)


def attribute(level, tag, value):
    return struct.pack("<BII", level, tag, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def properties(*rows):
    packed = [
        struct.pack("<HHII", kind, tag, 1, len(value)) + value + b"\0" * (-len(value) % 4) for kind, tag, value in rows
    ]
    return attribute(2, 0x69005, struct.pack("<I", len(rows)) + b"".join(packed))


def attachment(title=b"NOTES~1.TXT", data=b"notes", *more):
    return (
        attribute(2, 0x69002, b"\0" * 14)
        + attribute(2, 0x18010, title + b"\0")
        + attribute(2, 0x6800F, data)
        + b"".join(more)
    )


def part(data, name=b"winmail.dat"):
    head = b"Content-Type: application/ms-tnef; name=" + name + b"\nContent-Transfer-Encoding: base64\n"
    head += b"Content-Disposition: attachment; filename=" + name + b"\n\n"
    return head + base64.encodebytes(data)


def names(stream):
    return [each.name for each in tnef.unpack(stream)]


def test_attachments_come_out_with_name_and_bytes():
    found = tnef.unpack(SIGNATURE + attachment() + attachment(b"b.txt", b"second"))
    assert [(each.name, bytes(each.data)) for each in found] == [("NOTES~1.TXT", b"notes"), ("b.txt", b"second")]


def test_the_long_name_is_shown_where_there_is_one():
    long_name = properties((0x1F, 0x3707, "Übersicht Q3.txt\0".encode("utf-16-le")))
    assert names(SIGNATURE + attachment(b"NOTES~1.TXT", b"x", long_name)) == ["Übersicht Q3.txt"]


def test_a_name_is_read_in_the_code_page_that_the_stream_says():
    page = attribute(1, 0x69007, struct.pack("<II", 1251, 0))
    assert names(SIGNATURE + page + attachment("отчёт.txt".encode("cp1251"))) == ["отчёт.txt"]


def test_content_may_be_a_property():
    held = properties((0x0102, 0x3701, b"in a property"))
    stream = SIGNATURE + attachment(b"a", b"", held)
    assert bytes(tnef.unpack(stream)[0].data) == b"in a property"


def test_a_stream_that_breaks_off_gives_what_was_whole():
    whole = SIGNATURE + attachment() + attachment(b"b.txt", b"second")
    assert names(whole[:-4]) == ["NOTES~1.TXT", "b.txt"]
    for end in range(len(whole)):
        assert len(tnef.unpack(whole[:end])) <= 2


@pytest.mark.parametrize("stream", [b"", b"x", b"\0" * 100, SIGNATURE, SIGNATURE + b"\xff" * 50])
def test_what_is_no_stream_holds_nothing(stream):
    assert tnef.unpack(stream) == []


def test_noise_raises_nothing():
    noise = random.Random(7)  # noqa: S311  # the same noise each time
    whole = bytearray(SIGNATURE + attachment(b"a", b"b", properties((0x1F, 0x3707, b"a\0"), (0x0102, 0x3701, b"c"))))
    for _ in range(3000):
        broken = bytearray(whole)
        for _ in range(noise.randrange(1, 5)):
            broken[noise.randrange(6, len(broken))] = noise.randrange(256)
        tnef.unpack(bytes(broken))


def test_too_many_attachments_end_the_list():
    assert len(tnef.unpack(SIGNATURE + attachment() * (tnef.MAX_ATTACHMENTS + 5))) == tnef.MAX_ATTACHMENTS


def test_a_message_shows_what_its_winmail_holds():
    parsed, parts = parse(multipart(b"\ntext", part(SIGNATURE + attachment(b"photo.png", b"PNG"))))
    assert parts == {"photo.png": b"PNG"}
    assert [each.media_type for each in parsed.parts] == ["image/png"]
    assert parsed.body_text.strip() == "text"


@pytest.mark.parametrize("stream", [b"no TNEF at all", SIGNATURE])
def test_a_winmail_that_holds_nothing_is_offered_as_it_came(stream):
    _, parts = parse(multipart(b"\ntext", part(stream)))
    assert parts == {"winmail.dat": stream}


def test_one_that_is_too_large_to_unpack_is_offered_as_it_came(monkeypatch):
    monkeypatch.setattr(tnef, "LIMIT", 20)
    stream = SIGNATURE + attachment()
    _, parts = parse(multipart(b"\ntext", part(stream)))
    assert parts == {"winmail.dat": stream}


def test_winmails_beyond_the_room_are_offered_as_they_came():
    many = part(SIGNATURE + attachment() * 150)
    raw = multipart(b"\ntext", many, many)
    parsed = parsing.parse_in_child(io.BytesIO(raw.replace(b"\n", b"\r\n")), Writers())
    assert not parsed.unparsed
    assert len(parsed.parts) == 151
    assert parsed.parts[-1].name == "winmail.dat"


def test_a_hostile_name_and_type_lose_what_is_hostile():
    row = properties(
        (0x1F, 0x3707, "..\\..\\evil\u202egnp.exe\0".encode("utf-16-le")), (0x1E, 0x370E, b"text/html\r\nX: y\0")
    )
    parsed, parts = parse(multipart(b"\ntext", part(SIGNATURE + attachment(b"a", b"x", row))))
    assert list(parts) == ["evilgnp.exe"]
    assert "\n" not in parsed.parts[0].media_type
