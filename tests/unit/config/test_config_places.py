"""On which line a key stands."""

import tomllib

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.settings import places

TEXT = '''\
# a comment with [brackets] and = signs
top = 1

[sip]  # where
listen = [
  "udp:0.0.0.0:5060",   # first
  "tcp:[::]:5060",
]
domain = "a = [b]"
long = """
text = "not a key"
[not.a.table]"""
literal = 'C:\\\\'

[[trunk]]
name = "one"
"quoted key" = 1
[[trunk]]
name = "two"
inline = { a = 1, b = { c = "x" } }
dotted.key.here = true

[a.b]
c = 1
[[trunk]]
[trunk.sub]
d = 1
'''

LINES = {
    ("top",): 2,
    ("sip",): 4,
    ("sip", "listen"): 5,
    ("sip", "listen", 0): 6,
    ("sip", "listen", 1): 7,
    ("sip", "domain"): 9,
    ("sip", "long"): 10,
    ("sip", "literal"): 13,
    ("trunk",): 15,
    ("trunk", 0): 15,
    ("trunk", 0, "name"): 16,
    ("trunk", 0, "quoted key"): 17,
    ("trunk", 1): 18,
    ("trunk", 1, "name"): 19,
    ("trunk", 1, "inline"): 20,
    ("trunk", 1, "inline", "a"): 20,
    ("trunk", 1, "inline", "b", "c"): 20,
    ("trunk", 1, "dotted", "key", "here"): 21,
    ("a", "b"): 23,
    ("a", "b", "c"): 24,
    ("trunk", 2): 25,
    ("trunk", 2, "sub"): 26,
    ("trunk", 2, "sub", "d"): 27,
}


@pytest.mark.parametrize(("path", "line"), LINES.items(), ids=lambda value: str(value))
def test_every_key_has_its_line(path: places.Path, line: int) -> None:
    assert places.scan(TEXT)[path] == line


def test_nothing_inside_a_text_is_a_key() -> None:
    assert not [path for path in places.scan(TEXT) if "text" in path or "not" in path]


def test_windows_line_ends_count_once() -> None:
    assert places.scan("a = 1\r\nb = 2\r\n") == {("a",): 1, ("b",): 2}


def test_a_path_without_a_line_takes_the_one_around_it() -> None:
    lines = places.scan("[sip]\nlisten = []\n")
    assert places.nearest(lines, ("sip", "listen", 3)) == 2
    assert places.nearest(lines, ("sip", "domain")) == 1
    assert places.nearest(lines, ("media",)) is None


_scalar = st.one_of(
    st.integers(-(2**40), 2**40), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)
_text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
_value = st.recursive(
    st.one_of(_scalar, _text),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(_text.filter(bool), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(_text.filter(bool), st.dictionaries(_text.filter(bool), _value, max_size=4)))
def test_every_key_of_any_document_is_found(document: dict[str, dict[str, object]]) -> None:
    text = tomlkit.dumps(document)
    lines = places.scan(text)
    split = text.split("\n")
    for table, content in tomllib.loads(text).items():
        for key in content:
            line = lines[(table, key)]
            assert 1 <= line <= len(split)
