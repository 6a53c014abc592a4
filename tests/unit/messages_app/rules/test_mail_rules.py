"""Rules of reading and writing header values, names and encodings of mail."""

import base64
import binascii
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages_app.rules import addresses, charsets, filenames, html_tokens, parameters, styles, transfer
from messages_app.rules import header_writing as write
from messages_app.rules.display import many_lines, one_line
from messages_app.rules.encoded_words import decode_words, raw_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\r\nBcc: b", "a Bcc: b"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\x00\x1b[31mb\ud800", "a[31mb"),
        ("  a  ", "a"),
        ("x" * 50, "x" * 20),
    ],
)
def test_a_line_has_no_controls_and_a_limit(text, shown):
    assert one_line(text, 20) == shown


def test_text_keeps_tabs_line_ends_and_marks_of_direction():
    assert many_lines("a\tb\r\nc\rd\x07\u200f") == "a\tb\nc\nd\u200f"


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"\x80", "ISO-8859-1", "\u20ac"),
        (b"gr\xfcn", "", "gr\xfcn"),
        ("gr\xfcn".encode(), "us-ascii", "gr\xfcn"),
        ("gr\xfcn".encode()[:3], "", "gr\ufffd"),  # cut within its last character
        (b"\xff", "utf-8", "\ufffd"),
        (b"a", "punycode", "a"),
        (b"a", "unicode_escape", "a"),
        (b"a", "zlib", "a"),
        (b"a", "rot13", "a"),
        (b"a", "../../etc", "a"),
        (b"a", "x" * 1000, "a"),
        (b"\xb0\xa1", "KS_C_5601-1987", "\uac00"),
        (b"\x82\xa0", "Shift_JIS", "\u3042"),
    ],
)
def test_bytes_become_text_whatever_the_charset(data, charset, text):
    assert charsets.decode(data, charset) == text


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?a_b=C3=BC?=", "a b\xfc"),
        ("=?utf-8?b?w7w=?=", "\xfc"),
        ("=?utf-8?B?w7?=", "\xc3".encode("latin-1").decode("utf-8", "replace")),
        ("=?utf-8?b?w7w?= x", "\xfc x"),
        ("=?utf-8?b?w?=", ""),
        ("a =?utf-8?q?b?= c", "a b c"),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "\xfc"),  # split within a character
        ("=?utf-8?q?a?= =?iso-8859-1?q?=FC?=", "a\xfc"),
        ("=?utf-8*de?q?a?=", "a"),
        ("=?no-such?q?a?=", "a"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?a", "=?utf-8?q?a"),
    ],
)
def test_encoded_words_are_decoded(text, decoded):
    assert decode_words(text) == decoded


def test_undecoded_header_bytes_are_text():
    assert raw_text("gr\xfcn".encode()) == raw_text("gr\xfcn".encode("latin-1")) == "gr\xfcn"


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("Text/PLAIN; Charset=utf-8", "text/plain", {"charset": "utf-8"}),
        ('a/b; name="x;y"', "a/b", {"name": "x;y"}),
        (r'a/b; name="C:\x\"y"', "a/b", {"name": r'C:\x"y'}),
        ('a/b; name="open', "a/b", {"name": "open"}),
        ("a/b; name=a; name=b", "a/b", {"name": "a"}),
        ("attachment; filename*=utf-8'en'gr%C3%BCn", "attachment", {"filename": "gr\xfcn"}),
        ("attachment; filename*0=a; filename*1=b", "attachment", {"filename": "ab"}),
        ("attachment; filename*1*=%C3%BC; filename*0*=utf-8''a", "attachment", {"filename": "a\xfc"}),
        ("attachment; filename=a; filename*=utf-8''b", "attachment", {"filename": "b"}),
        ("attachment; filename*=nonsense", "attachment", {"filename": "nonsense"}),
        ("a/b; name==?utf-8?q?=C3=BC?=", "a/b", {"name": "\xfc"}),
        ("a/b; *=x", "a/b", {"*": "x"}),
    ],
)
def test_parameters_are_read(text, value, found):
    assert parameters.parse(text) == (value, found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sam@home.example", [("", "sam@home.example")]),
        ("Sam <sam@home.example>, rita@partner.example", [("Sam", "sam@home.example"), ("", "rita@partner.example")]),
        ('"Sam, A." <sam@home.example>', [("Sam, A.", "sam@home.example")]),
        (r'"a\"b" <a@b>', [('a"b', "a@b")]),
        ("sam@home.example (Sam)", [("Sam", "sam@home.example")]),
        ("=?utf-8?q?a,b?= <a@b>", [("a,b", "a@b")]),
        ("team: a@b, c@d;", [("", "a@b"), ("", "c@d")]),
        ("undisclosed-recipients:;", []),
        ("<@a,@b:c@d>", [("", "c@d")]),
        ("Sam", [("Sam", "")]),
        ('"open', [("open", "")]),
        ("a\u202eb <a@b>", [("ab", "a@b")]),
        ("mailto:sam@home.example", [("", "sam@home.example")]),
        ("a@b:c", [("", "a@b:c")]),
        ("", []),
    ],
)
def test_addresses_are_read(text, found):
    assert addresses.parse(text) == found


def test_at_most_so_many_addresses_are_kept():
    assert len(addresses.parse("a@b," * 2000)) == addresses.MAX_ADDRESSES


@given(st.text())
def test_no_address_header_is_an_error(text):
    addresses.parse(text)
    parameters.parse(text)
    decode_words(text)


@pytest.mark.parametrize(
    ("name", "media_type", "clean"),
    [
        ("../../etc/passwd", "a/b", "passwd"),
        (r"C:\x\plan.pdf", "a/b", "plan.pdf"),
        ("a\r\nb.txt", "a/b", "a b.txt"),
        ("invoice\u202efdp.exe", "a/b", "invoicefdp.exe"),
        ("..", "text/plain", "attachment-3.txt"),
        ("", "a/b", "attachment-3.bin"),
        ("CON.txt", "a/b", "_CON.txt"),
        ('a"b<c>', "a/b", "a_b_c_"),
        ("x" * 300 + ".pdf", "a/b", "x" * 196 + ".pdf"),
        ("x" * 300, "a/b", "x" * 200),
        (".hidden", "a/b", "hidden"),
    ],
)
def test_file_names_are_safe(name, media_type, clean):
    assert filenames.clean(name, media_type, 3) == clean


def decode(encoding: str, data: bytes, size: int) -> bytes:
    """Return `data` decoded in blocks of `size`."""
    decoder = transfer.decoder(encoding)
    blocks = [decoder.feed(data[at : at + size]) for at in range(0, len(data), size)]
    return b"".join(blocks) + decoder.finish()


@given(st.binary(max_size=400), st.integers(1, 90))
def test_encodings_are_undone_however_the_blocks_are_cut(data, size):
    assert decode("base64", base64.encodebytes(data), size) == data
    assert decode("8BIT", data, size) == data
    encoded = quopri.encodestring(data, quotetabs=True)
    assert decode("quoted-printable", encoded, size) == quopri.decodestring(encoded)
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    assert decode("x-uuencode", b"begin 644 x\n" + b"".join(lines) + b"`\nend\n", size) == data


@pytest.mark.parametrize(
    ("encoding", "data", "decoded"),
    [
        ("base64", b"Q!Q\x00=\r\n=", b"A"),
        ("base64", b"QQ==QQ==", b"AA"),
        ("base64", b"QQ", b"A"),
        ("base64", b"QUJDR", b"ABC"),
        ("quoted-printable", b"a=3Db  \r\nc=\r\nd", b"a=b\r\ncd"),
        ("quoted-printable", b"a  \nb", b"a\nb"),
        ("quoted-printable", b"a=ZZ=", b"a=ZZ"),
        ("uuencode", b"before\nbegin 644 x\n#86)C\nbr\xffken\nend\nafter", b"abc"),
        ("no-such", b"a=3D", b"a=3D"),
    ],
)
def test_broken_encodings_give_what_they_can(encoding, data, decoded):
    assert decode(encoding, data, 7) == decoded


def test_a_quoted_printable_line_of_any_length_is_decoded():
    data = b"=3D" * 100_000
    assert decode("quoted-printable", data, 64 * 1024 + 1) == b"=" * 100_000
    assert decode("quoted-printable", b"x" * 200_000, 64 * 1024) == b"x" * 200_000


@pytest.mark.parametrize(
    ("source", "deep"),
    [
        ("<div><div></div></div><div>", 2),
        ("<p><p><p>", 0),
        ("</div></div><div>", 1),
        ("<script><div></script><b>", 1),
        ("<!-- <div> --><b>", 1),
        ("<title><div>", 1),
    ],
)
def test_depth_is_looked_at_roughly(source, deep):
    assert html_tokens.depth(source) == deep


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a<br>b &amp; c", "a\nb & c"),
        ("1 < 2", "1 < 2"),
        ("<style>x", ""),
        ("<!doctype html>a<!-- open", "a"),
        ("<b>", ""),
    ],
)
def test_the_words_of_html_are_found(source, text):
    assert html_tokens.text_of(source) == text


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("color:rgba(1,2,3,.5)", "color:rgba(1,2,3,.5)"),
        ("color:rgb(url(x))", ""),
        ("color:rgb(x)", ""),
        ("width:url(x)", ""),
        ("font:1px/2 a", "font:1px/2 a"),
        ("color:red|blue", ""),
    ],
)
def test_a_style_can_only_change_how_text_looks(style, kept):
    assert styles.filter_style(style) == kept


def test_escaping_costs_by_the_square():
    assert html_tokens.escaping_cost("&\xa0xx") == 8


def test_a_style_that_is_too_long_is_dropped():
    assert styles.filter_style("color:red;" * 1000) == ""
    assert styles.filter_style("font-family:'A', serif; ; @x; color:[red]; nonsense") == 'font-family:"A", serif'


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("plans", "Re: plans"),
        ("Re: plans", "Re: plans"),
        ("RE: AW: re[2]: plans", "Re: plans"),
        ("Report: plans", "Re: Report: plans"),
        ("a\r\nBcc: b", "Re: a Bcc: b"),
        ("", "Re:"),
    ],
)
def test_an_answer_says_re_once(subject, answer):
    assert write.reply_subject(subject) == answer


@pytest.mark.parametrize("value", ["plain", "gr\xfcn " * 30, "word " * 60, "=?utf-8?q?a?=", "x" * 400, "a  b", " "])
def test_text_in_a_header_is_folded_ascii_that_reads_the_same(value):
    written = write.text(value)
    assert written.isascii()
    assert all(len(line) <= 78 or value[:2] == "xx" for line in written.split("\r\n"))
    assert decode_words(written.replace("\r\n", "")) == one_line(value, write.TEXT_LIMIT)


def test_what_is_no_address_or_id_is_left_out():
    assert write.addresses(["a@b", "a@b, c@d", "a b@c", "a@b\r\nBcc: c@d", '"a b"@c']) == 'a@b,\r\n "a b"@c'
    assert write.message_ids(["<a@b>", "a@b", "<a b>", "<a@b>\r\nX: y"]) == "<a@b>"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ('S "x"', r'"S \"x\"" <a@b>'),
        ("gr\xfcn", "=?utf-8?B?Z3LDvG4=?=\r\n <a@b>"),
        ("x" * 100, "<a@b>"),
    ],
)
def test_a_display_name_is_quoted_or_encoded(name, written):
    assert write.named(name, "a@b") == written


@pytest.mark.parametrize(
    "name", ["plan.pdf", "gr\xfcn.pdf", "a" * 200 + ".pdf", 'a"b\\c.pdf', "\u65e5\u672c" * 60 + ".pdf"]
)
def test_a_file_name_in_a_header_reads_the_same(name):
    written = "attachment" + write.parameter("filename", name)
    assert written.isascii()
    assert all(len(line) <= 78 for line in written.split("\r\n"))
    assert parameters.parse(written) == ("attachment", {"filename": name})
