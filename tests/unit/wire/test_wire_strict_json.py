"""The one JSON: what is refused, the canonical form against an independent implementation, and the way back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.strict_json import MalformedJson, _written, canonical, digest, dump, parse

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"a":1,"a":2}', "same key twice"),
        (b'{"a":{"b":1,"b":1}}', "same key twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"1e999", "out of range"),
        (b"9" * 401, "digits"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b"[" * 65 + b"]" * 65, "deeper"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper"),
        (b"\xff", "UTF-8"),
        (b"\xef\xbb\xbf{}", "line 1"),
        (b"", "line 1"),
        (b"{} {}", "line 1"),
    ],
)
def test_ambiguous_or_hostile_json_is_refused_and_never_quoted(data: bytes, says: str) -> None:
    with pytest.raises(MalformedJson, match=says):
        parse(data)


def test_brackets_inside_strings_are_not_depth() -> None:
    assert parse(json.dumps(["[" * 500]).encode()) == ["[" * 500]


def test_integers_of_any_size_survive_the_way_in_and_out() -> None:
    assert dump(parse(b'{"n":12345678901234567890123}')) == b'{"n":12345678901234567890123}'


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\U0001f600"


@given(VALUES)
def test_what_is_dumped_parses_to_the_same_value(value: object) -> None:
    assert parse(dump(value)) == value


@given(VALUES)
def test_the_fast_canonical_form_is_the_slow_one(value: object) -> None:
    assert canonical(value) == _written(value)


@given(VALUES)
def test_the_canonical_form_is_a_fixed_point_and_ignores_the_order_of_keys(value: object) -> None:
    again = json.loads(canonical(value))
    assert canonical(again) == canonical(value)
    assert digest(again) == digest(value)


# RFC 8785 appendix B, and the table of section 3.2.2.3
@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0.0, "0"), (-0.0, "0"), (5e-324, "5e-324"), (-5e-324, "-5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"), (295147905179352830000.0, "295147905179352830000"), (1e21, "1e+21"),
        (9.999999999999997e22, "9.999999999999997e+22"), (1e23, "1e+23"), (0.000001, "0.000001"), (1e-7, "1e-7"),
        (333333333.3333332, "333333333.3333332"), (4.5, "4.5"), (2e-3, "0.002"), (1e27, "1e+27"),
    ],
)  # fmt: skip
def test_floats_are_written_as_ecmascript_writes_them(number: float, written: str) -> None:
    assert canonical(number).decode() == written


def test_keys_are_sorted_by_utf16_code_units() -> None:
    # RFC 8785 section 3.2.3
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    assert list(json.loads(canonical(dict.fromkeys(keys, 0)))) == [
        "\r",
        "1",
        "\u0080",
        "\u00f6",
        "\u20ac",
        "\U0001f600",
        "\ufb33",
    ]


def test_nan_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="NaN"):
        canonical(float("nan"))


@pytest.mark.timeout(10)  # rescanned from each escaped quote, one took hours
@pytest.mark.parametrize("end", [b"", b"\\", b'"', b'"]'])
def test_a_long_string_is_read_once_whether_or_not_it_ends(end: bytes) -> None:
    data = b"[" + b"[]," * 70 + b'"' + b'\\"' * 500_000 + end
    if end == b'"]':
        assert parse(data)[-1] == '"' * 500_000
    else:
        with pytest.raises(MalformedJson):
            parse(data)
