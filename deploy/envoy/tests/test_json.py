"""json.lua finds what a JSON parser finds, and changes what it is told to and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6)
PLAIN_NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc", "Cs"]))
OBJECTS = st.dictionaries(PLAIN_NAMES, VALUES)
SPACES = st.sampled_from(["", " ", "\n", "\t \r\n"])


@st.composite
def documents(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """An object and one of the ways in which people write it down."""
    value = draw(OBJECTS)
    space = draw(SPACES)
    text = json.dumps(
        value,
        ensure_ascii=draw(st.booleans()) and all(name.isascii() for name in value),
        separators=(f"{space},{space}", f"{space}:{space}"),
        indent=draw(st.sampled_from([None, 2])),
    )
    return value, f"{space}{text}{space}".encode()


@EXAMPLES
@given(documents())
def test_every_member_is_found_as_a_parser_finds_it(lua_json, document):
    value, text = document
    members = lua_json.members(text)
    assert {name.encode("latin-1").decode(): json.loads(raw) for name, raw in members.items()} == value


def _parsed(text: bytes) -> list[tuple[str, Any]] | None:
    """The members that a parser finds, None when it refuses. It is as lenient inside strings as json.lua is, and only there."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    masked = re.sub(rb"\\.", b"__", text, flags=re.DOTALL).decode("latin-1")
    try:
        pairs = json.loads(masked, strict=False, parse_constant=refuse, object_pairs_hook=list)
    except ValueError:
        return None
    return pairs if masked.lstrip().startswith("{") else None


JUNK = st.sampled_from([*b'{}[]",:\\ \n\x00\x0b\xc3', *b"019eE+-.tfnul"])


@EXAMPLES
@given(documents(), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 2), JUNK), min_size=1, max_size=3))
def test_a_damaged_document_is_refused_or_read_as_a_parser_reads_it(lua_json, document, damages):
    text = bytearray(document[1])
    for at, removed, byte in damages:
        start = at % (len(text) + 1)
        text[start : start + removed] = [byte]
    members = lua_json.members(bytes(text))
    parsed = _parsed(bytes(text))
    if isinstance(members, str):
        # What a parser reads is refused only for what two parsers could read in two ways.
        assert parsed is None or "twice" in members or "escape" in members
    else:
        assert len(members) == len(parsed)
        assert {name: dict(_parsed(b'{"":' + raw + b"}"))[""] for name, raw in members.items()} == dict(parsed)


@EXAMPLES
@given(st.binary(max_size=40))
def test_no_bytes_at_all_break_it(lua_json, text):
    members = lua_json.members(text)
    assert isinstance(members, str) or text.strip(b" \t\r\n")[:1] == b"{"


@EXAMPLES
@given(documents(), PLAIN_NAMES, st.sampled_from([b"true", b'"x"', b'{"a":[1]}']))
def test_setting_a_member_leaves_every_other_byte(lua_json, document, name, new):
    value, text = document
    key = name.encode().decode("latin-1")
    marked = lua_json.set(text, key, b"<NEW>")
    head, _, tail = marked.partition(b"<NEW>")
    if name in value:
        assert head + lua_json.members(text)[key] + tail == text
    else:
        opened = text.index(b"{") + 1
        assert head == text[:opened] + json.dumps(name, ensure_ascii=False).encode() + b":"
        assert tail == (b"," if value else b"") + text[opened:]
    made = lua_json.set(text, key, new)
    assert json.loads(made) == value | {name: json.loads(new)}


@EXAMPLES
@given(st.text(st.characters(max_codepoint=255)))
def test_a_quoted_text_is_read_back(lua_json, text):
    assert json.loads(lua_json.quote(text)) == text


@EXAMPLES
@given(st.text(st.characters(max_codepoint=127)))
def test_an_ascii_string_says_what_a_parser_says_that_it_says(lua_json, text):
    escaped = "".join(f"\\u{ord(c):04X}" for c in text)
    slashes = json.dumps(text).replace("/", "\\/")
    assert [lua_json.text(raw.encode()) for raw in (json.dumps(text), escaped.join('""'), slashes)] == [text] * 3


@pytest.mark.parametrize("raw", [b'"\\u0080"', b'"\\u00e9"', b'"\\ud83d\\ude00"', b'"\\x"', b'"\\u12"', b"5", b"null", b"[]"])
def test_what_is_no_ascii_string_says_nothing(lua_json, raw):
    assert lua_json.text(raw) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "the body is empty; send a JSON object"),
        (b" \n", "the body is empty; send a JSON object"),
        (b'\xef\xbb\xbf{"a":1}', "the body starts with a byte order mark; send plain UTF-8"),
        (b"[]", "the body is not a JSON object"),
        (b"hello", "the body is not a JSON object"),
        ('{"model":"a"}'.encode("utf-16-le"), 'the JSON is wrong at byte 2: a field name was expected, not "?"'),
        (b'{"a":1', "the JSON ends too early: a comma or } is missing"),
        (b'{"a":', "the JSON ends too early: a value is missing"),
        (b'{"a"', "the JSON ends too early: a colon is missing"),
        (b'{"a', "the JSON ends inside a string"),
        (b'{"a":"\\"}', "the JSON ends inside a string"),
        (b'{"a":1,}', 'the JSON is wrong at byte 8: a field name was expected, not "}"'),
        (b'{"a":1 "b":2}', 'the JSON is wrong at byte 8: a comma or } was expected, not """'),
        (b'{"a":[1 2]}', 'the JSON is wrong at byte 9: a comma or ] was expected, not "2"'),
        (b'{"a":[1}}', 'the JSON is wrong at byte 8: a comma or ] was expected, not "}"'),
        (b'{"a":01}', 'the JSON is wrong at byte 6: a number was expected, not "0"'),
        (b'{"a":1.}', 'the JSON is wrong at byte 6: a number was expected, not "1"'),
        (b'{"a":1e}', 'the JSON is wrong at byte 6: a number was expected, not "1"'),
        (b'{"a":-}', 'the JSON is wrong at byte 7: a number was expected, not "}"'),
        (b'{"a":NaN}', 'the JSON is wrong at byte 6: a value was expected, not "N"'),
        (b'{"a":True}', 'the JSON is wrong at byte 6: a value was expected, not "T"'),
        (b"{a:1}", 'the JSON is wrong at byte 2: a field name was expected, not "a"'),
        (b'{"a":1/**/}', 'the JSON is wrong at byte 7: a comma or } was expected, not "/"'),
        (b'{"a":1}{"a":2}', "the JSON object ends at byte 7, but more follows it"),
        (b'{"a":1}\x00', "the JSON object ends at byte 7, but more follows it"),
        (b'{"a":1,"b":2,"a":3}', 'the field "a" is there twice; send it once'),
        (b'{"\\u0061":1}', 'the field name "\\u0061" is written with an escape; write it plainly'),
        (b'{"\xff\n":1,"\xff\n":1}', 'the field "??" is there twice; send it once'),
        (b'{"a":' + b"[" * 600 + b"]" * 600 + b"}", "the JSON is nested deeper than 512 levels"),
    ],
)
def test_the_reason_tells_a_person_what_is_wrong(lua_json, text, reason):
    assert lua_json.members(text) == reason


def test_deep_nesting_within_the_bound_is_fine(lua_json):
    deep = b"[" * 511 + b"]" * 511
    assert lua_json.members(b'{"a":' + deep + b"}") == {"a": deep}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b"[]", 0),
        (b"[ ]", 0),
        (b'["a"]', 1),
        (b'[ "a,[" , [1,2] ,{"x":[]}, null,-1, 2.5 ]', 4),
        (b"[1,-2,3e5]", 0),
    ],
)
def test_the_elements_of_an_array_that_are_no_numbers_are_counted(lua_json, text, count):
    assert lua_json.count_others(text) == count


@EXAMPLES
@given(st.lists(VALUES, max_size=5))
def test_a_parser_counts_the_same_elements(lua_json, values):
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    assert lua_json.count_others(json.dumps(values, indent=1).encode()) == len(values) - len(numbers)
