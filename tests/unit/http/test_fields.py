"""Fields let through what can be stored, exactly as it will be stored, and say in one sentence why not."""

from decimal import Decimal
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError
from werkzeug.datastructures import MultiDict

from app.http import fields
from app.http.schema import Schema

NUMBER = fields.Number()
FORM = {"digits": 12, "places": 6}


def refused(field, value, data=None) -> str:
    with pytest.raises(ValidationError) as stopped:
        field.deserialize(value, "x", data or {})
    [sentence] = stopped.value.messages
    assert sentence.endswith(".") and len(sentence) < 200
    return sentence


class TestNumber:
    """Exact decimals within digits and places."""

    @given(st.integers(-(10**18) + 1, 10**18 - 1))
    def test_every_number_of_its_size_comes_through_unchanged(self, units):
        number = Decimal(units).scaleb(-6)
        for value in (number, f"{number:f}", Decimal(f"{number:f}000")):
            found = NUMBER.deserialize(value)
            assert found == number
            assert NUMBER._serialize(found, "x", None) == f"{found:f}"
            assert "E" not in str(found) or found == 0

    @given(st.decimals(allow_nan=True, allow_infinity=True))
    def test_no_decimal_makes_it_fail_otherwise_than_by_refusing(self, number):
        try:
            found = NUMBER.deserialize(number)
        except ValidationError:
            assert not number.is_finite() or abs(number) >= 10**12 or number != round(number, 6)
        else:
            assert found == number

    @given(st.text())
    def test_nor_does_any_text(self, text):
        try:
            found = NUMBER.deserialize(text)
        except ValidationError:
            return
        assert Decimal(text) == found

    @pytest.mark.parametrize(
        "value",
        [
            True,
            False,
            None,
            [],
            {},
            1.5,
            0.1,
            b"1",
            "1e2",
            " 1",
            "1 ",
            "+1",
            "",
            ".5",
            "5.",
            "١",
            "1,5",
            "0x1",
            "NaN",
            "--1",
            "1\n",
        ],
    )
    def test_what_is_no_number(self, value):
        refused(NUMBER, value)

    def test_bounds(self):
        field = fields.Number(low=0, high=100)
        assert field.deserialize("0") == 0 and field.deserialize(100) == 100
        assert "at least 0" in refused(field, "-0.000001")
        assert "at most 100" in refused(field, "100.000001")
        above = fields.Number(above=0)
        assert above.deserialize("0.000001") == Decimal("0.000001")
        assert "greater than 0" in refused(above, 0)
        assert "12 digits" in refused(NUMBER, 10**12)
        assert NUMBER.deserialize(10**12 - 1) == 10**12 - 1
        assert "6 decimal places" in refused(NUMBER, Decimal("0.0000001"))
        assert fields.Number(places=10).deserialize("0.0000000001") == Decimal("1E-10")

    @pytest.mark.parametrize("zero", [0, "-0", Decimal("-0.0"), Decimal("0E+100"), Decimal("0E-400"), "0.000"])
    def test_zero_is_zero(self, zero):
        assert str(NUMBER.deserialize(zero)) == "0"

    def test_a_price_is_written_with_its_currencys_digits_at_least(self):
        price = fields.Price()
        written = {
            (text, code): price._serialize(Decimal(text), "x", SimpleNamespace(currency=code))
            for text, code in (("750", "EUR"), ("0.0125", "EUR"), ("1", "JPY"), ("1.5", "KWD"), ("1.5", "JPY"))
        }
        assert list(written.values()) == ["750.00", "0.0125", "1", "1.500", "1.5"]


class TestText:
    """Text that can be stored and printed."""

    @given(st.text())
    def test_what_comes_through_is_what_came_in_and_can_be_stored(self, text):
        field = fields.Text(50, least=1)
        try:
            found = field.deserialize(text)
        except ValidationError:
            assert (
                len(text) > 50
                or not text.strip()
                or any(ord(each) < 32 or 127 <= ord(each) < 160 or 0xD800 <= ord(each) < 0xE000 for each in text)
            )
        else:
            assert found == text
            found.encode()
            assert "\x00" not in found

    @given(st.text())
    def test_lines_may_break(self, text):
        field = fields.Text(10_000, lines=True)
        try:
            found = field.deserialize(text)
        except ValidationError:
            return
        assert found == text.replace("\r\n", "\n")
        assert not set(found) & set("\r\x00\x1b\x7f")

    @pytest.mark.parametrize("value", [5, True, None, [], {}, b"x", 1.5, ["x"]])
    def test_what_is_no_text(self, value):
        refused(fields.Text(5), value)

    def test_words_of_a_list_and_forms(self):
        word = fields.Text(10, one_of=("a", "b"))
        assert word.deserialize("a") == "a"
        assert refused(word, "A") == refused(word, "") == "Must be one of: a, b."
        form = fields.Text(10, pattern="[A-Z]{2}|x")
        assert form.deserialize("AB") == "AB" and form.deserialize("x") == "x"
        for bad in ("ABC", "ab", "AB\n", "xx", ""):
            refused(form, bad)

    def test_bidirectional_and_invisible_characters_are_text(self):
        assert fields.Text(5).deserialize("\u202e\u200b\ufeff") == "\u202e\u200b\ufeff"


class TestOthers:
    """Dates, instants, ids, flags, whole numbers, labels."""

    @pytest.mark.parametrize("good", ["2026-02-28", "2024-02-29", "1900-01-01", "2999-12-31"])
    def test_a_day(self, good):
        assert fields.Date().deserialize(good).isoformat() == good

    @pytest.mark.parametrize(
        "bad",
        [
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "26-01-01",
            "2026/01/01",
            "20260101",
            "2026-W01-1",
            "1899-12-31",
            "3000-01-01",
            "٢٠٢٦-٠١-٠١",
            "2026-01-01T00:00:00Z",
            " 2026-01-01",
            "2026-01-01\n",
            "",
            20260101,
            None,
            True,
        ],
    )
    def test_no_day(self, bad):
        refused(fields.Date(), bad)

    @pytest.mark.parametrize(
        ("given_text", "utc"),
        [
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"),
            ("2026-01-01T02:30:00.123456+02:30", "2026-01-01T00:00:00.123Z"),
            ("2026-01-01 00:00:00+00:00", "2026-01-01T00:00:00.000Z"),
            ("2026-01-01T00:00:00-12:00", "2026-01-01T12:00:00.000Z"),
        ],
    )
    def test_an_instant(self, given_text, utc):
        field = fields.Instant()
        assert field._serialize(field.deserialize(given_text), "x", None) == utc

    @pytest.mark.parametrize(
        "bad",
        [
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01T25:00:00Z",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "now",
            "2026-01-01T00:00:00Z" + "0" * 100,
            "",
            5,
            None,
            True,
            [],
        ],
    )
    def test_no_instant(self, bad):
        refused(fields.Instant(), bad)

    def test_an_id(self):
        text = "0192f0c1-2b3c-7d4e-8f50-61728394A5B6"
        assert fields.Id().deserialize(text) == UUID(text)
        for bad in (
            text.replace("-", ""),
            f"{{{text}}}",
            f"urn:uuid:{text}",
            text[:-1],
            f"{text}\n",
            "",
            5,
            None,
            True,
            "x" * 36,
        ):
            refused(fields.Id(), bad)

    def test_a_flag_is_a_boolean_in_a_body_and_a_word_in_a_query(self):
        flag, query = fields.Flag(), MultiDict({"x": "true"})
        assert [flag.deserialize(each) for each in (True, False)] == [True, False]
        for bad in ("true", 1, 0, None, "yes", [], {}, 1.0):
            refused(flag, bad)
        found = {word: flag.deserialize(word, "x", query) for word in ("true", "false", "1", "0")}
        assert found == {"true": True, "false": False, "1": True, "0": False}
        for bad in ("True", "yes", "", "2", " true"):
            refused(flag, bad, query)

    def test_a_whole_number_is_one_in_a_body_and_digits_in_a_query(self):
        whole, query = fields.Whole(-5, 100), MultiDict({"x": "5"})
        assert whole.deserialize(-5) == -5 and whole.deserialize(100) == 100
        for bad in (
            "5",
            True,
            None,
            1.0,
            Decimal("1.5"),
            Decimal(5),
            101,
            -6,
            10**30,
            Decimal("1E+400"),
            Decimal("9" * 50),
            Decimal("NaN"),
            [],
        ):
            refused(whole, bad)
        assert whole.deserialize("5", "x", query) == 5 and whole.deserialize("-5", "x", query) == -5
        for bad in ("5.0", "1e1", " 5", "", "٥", "9" * 30, "0x5", "101"):
            refused(whole, bad, query)

    def test_labels(self):
        labels = fields.Metadata()
        assert labels.deserialize({"a": "b\nc", "ключ": ""}) == {"a": "b\nc", "ключ": ""}
        for bad in (
            [],
            "x",
            None,
            5,
            {"": "x"},
            {"k" * 41: "x"},
            {"k": "x" * 501},
            {"k": 5},
            {"k": None},
            {"k": {}},
            {5: "x"},
            {"k\x00": "x"},
            {f"k{n}": "x" for n in range(51)},
        ):
            refused(labels, bad)

    def test_a_list_is_bounded(self):
        some = fields.some(fields.Id(), least=1, most=2)
        text = "0192f0c1-2b3c-7d4e-8f50-61728394a5b6"
        assert len(some.deserialize([text, text])) == 2
        assert "at least 1 entry" in refused(some, [])
        assert "at most 2" in refused(some, [text] * 3)
        for bad in ("x", {}, 5, None, True):
            refused(some, bad)


class TestCodes:
    """Codes of standards."""

    @pytest.mark.parametrize(
        ("field", "good", "bad"),
        [
            (fields.Currency(), ["EUR", "JPY", "KWD"], ["eur", "XXX", "EURO", "", "€", "E R"]),
            (fields.Country(), ["DE", "US"], ["de", "XX", "DEU", "", "EU "]),
            (
                fields.TimeZone(),
                ["Europe/Berlin", "UTC", "America/Argentina/Ushuaia"],
                ["Berlin", "europe/berlin", "", "../UTC", "/etc/localtime"],
            ),
            (
                fields.Email(),
                ["a@b.example", "jo.doe+x@acme.example", "ü@acme.example"],
                ["a", "a@", "@b", "a b@c.example", "a@b..example", "a@b.example\n", "a@[127.0.0.1]", ""],
            ),
            (
                fields.Url(),
                ["https://a.example/x?y=1#z", "http://b"],
                ["a.example", "javascript:alert(1)", "ftp://a", "https://a b", 'https://a"b', "https://<b>", ""],
            ),
            (fields.Iban(), ["DE89370400440532013000"], ["DE88370400440532013000", "x", "", "DE89"]),
        ],
    )
    def test_known_and_unknown(self, field, good, bad):
        for text in good:
            assert field.deserialize(text) == text
        for text in bad:
            refused(field, text)

    def test_spellings_that_are_kept_otherwise(self):
        assert fields.Email().deserialize("Jo@ACME.example") == "Jo@acme.example"
        assert fields.Iban().deserialize("DE89 3704 0044 0532 0130 00") == "DE89370400440532013000"
        assert fields.LocaleCode().deserialize("pt-BR") == "pt_BR"


class Inner(Schema):
    """Inner."""

    name = fields.Text(5, required=True)


class Outer(Schema):
    """Outer."""

    word = fields.Text(5, required=True)
    one = fields.Nested(Inner)
    many = fields.some(fields.Nested(Inner), most=3)


class TestSchema:
    """Schemas refuse what they do not know, and write by one plan."""

    def test_unknown_fields_are_refused_at_every_depth(self):
        for body in (
            {"word": "x", "y": 1},
            {"word": "x", "one": {"name": "x", "y": 1}},
            {"word": "x", "many": [{"name": "x", "y": 1}]},
        ):
            with pytest.raises(ValidationError, match="Unknown field"):
                Outer().load(body)

    def test_a_change_may_leave_out_fields_but_not_those_of_what_it_holds(self):
        change = Outer(partial=True)
        assert change.load({}) == {}
        assert change.load({"one": {"name": "x"}}) == {"one": {"name": "x"}}
        for body in ({"one": {}}, {"many": [{}]}):
            with pytest.raises(ValidationError, match="required"):
                change.load(body)

    def test_it_writes_objects_mappings_and_lists_alike(self):
        thing = SimpleNamespace(word="x", one=SimpleNamespace(name="y"), many=[{"name": "z"}])
        expected = {"word": "x", "one": {"name": "y"}, "many": [{"name": "z"}]}
        assert Outer().dump(thing) == expected
        assert Outer().dump(vars(thing)) == expected
        assert Outer(many=True).dump([thing, thing]) == [expected, expected]
        assert Outer().dump([thing], many=True) == [expected]
        assert Outer().dump({"word": None, "one": None, "many": None}) == {"word": None, "one": None, "many": None}

    def test_it_writes_what_marshmallow_would(self):
        import marshmallow  # noqa: PLC0415 - the original, to compare with

        thing = {"word": "x", "one": {"name": "y"}, "many": [{"name": "z"}]}
        assert Outer().dump(thing) == marshmallow.Schema.dump(Outer(), thing)
