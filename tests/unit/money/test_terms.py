"""Payment terms: spellings, month ends, leap years, and what is refused."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.money import UnknownTerms, due_date, normalise

JANUARY = date(2025, 1, 15)


@pytest.mark.parametrize(
    ("terms", "kept", "due"),
    [
        ("Net 30", "Net 30", date(2025, 2, 14)),
        ("net30", "Net 30", date(2025, 2, 14)),
        ("NET  30 days", "Net 30", date(2025, 2, 14)),
        ("30 days", "Net 30", date(2025, 2, 14)),
        ("1 day", "Net 1", date(2025, 1, 16)),
        ("N30", "Net 30", date(2025, 2, 14)),
        ("n/30", "Net 30", date(2025, 2, 14)),
        ("Net 0", "Net 0", JANUARY),
        ("Net 007", "Net 7", date(2025, 1, 22)),
        ("Net 3650", "Net 3650", date(2035, 1, 13)),
        ("Due on receipt", "Due on receipt", JANUARY),
        ("due upon receipt", "Due on receipt", JANUARY),
        ("Due immediately", "Due on receipt", JANUARY),
        ("cod", "COD", JANUARY),
        ("Prepaid", "Prepaid", JANUARY),
        ("CIA", "Prepaid", JANUARY),
        ("EOM", "EOM", date(2025, 1, 31)),
        ("eom + 15", "EOM+15", date(2025, 2, 15)),
        ("15 EOM", "EOM+15", date(2025, 2, 15)),
        ("Net 30 EOM", "Net 30 EOM", date(2025, 3, 2)),
        ("15 MFI", "15 MFI", date(2025, 2, 15)),
        ("15th mfi", "15 MFI", date(2025, 2, 15)),
        ("31 MFI", "31 MFI", date(2025, 2, 28)),
        ("2/10 Net 30", "2/10 Net 30", date(2025, 2, 14)),
        ("2% / 10 days, net 30", "2/10 Net 30", date(2025, 2, 14)),
        ("0.50/10 n30", "0.5/10 Net 30", date(2025, 2, 14)),
        ("10/10 net 30 eom", "10/10 Net 30 EOM", date(2025, 3, 2)),
    ],
)
def test_terms_are_understood(terms: str, kept: str, due: date) -> None:
    assert normalise(terms) == kept
    assert due_date(terms, JANUARY) == due_date(kept, JANUARY) == due
    assert normalise(kept) == kept


@pytest.mark.parametrize(
    ("terms", "issued_on", "due"),
    [
        ("EOM", date(2024, 2, 1), date(2024, 2, 29)),
        ("EOM", date(2023, 2, 28), date(2023, 2, 28)),
        ("EOM+1", date(2024, 2, 29), date(2024, 3, 1)),
        ("30 MFI", date(2024, 1, 31), date(2024, 2, 29)),
        ("30 MFI", date(2023, 1, 31), date(2023, 2, 28)),
        ("31 MFI", date(2025, 12, 31), date(2026, 1, 31)),
        ("1 MFI", date(2025, 12, 31), date(2026, 1, 1)),
        ("Net 1", date(2024, 2, 28), date(2024, 2, 29)),
        ("Net 365", date(2024, 1, 1), date(2024, 12, 31)),
        ("EOM", date(9999, 12, 31), date(9999, 12, 31)),
    ],
)
def test_month_ends_and_leap_years(terms: str, issued_on: date, due: date) -> None:
    assert due_date(terms, issued_on) == due


@pytest.mark.parametrize(
    "terms",
    [
        "",
        " ",
        "soon",
        "Net",
        "Net -1",
        "Net 3651",
        "Net 1e3",
        "Net 3.5",
        "0 MFI",
        "32 MFI",
        "EOM-1",
        "EOM+3651",
        "0/10 Net 30",
        "2/9999 Net 30",
        "2/10 EOM",
        "2/10",
        "Net \u0663\u0660",
        "30",
        "Net 30; drop",
        "9" * 5000,
    ],
)
def test_anything_else_is_refused_with_help(terms: str) -> None:
    for refuse in (normalise, lambda given: due_date(given, JANUARY)):
        with pytest.raises(UnknownTerms, match=r"Accepted are Net 30, .* or 2/10 Net 30") as caught:
            refuse(terms)
        assert caught.value.terms == terms
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("terms", ["Net 1", "EOM+1", "1 MFI", "Net 1 EOM"])
def test_no_date_after_the_last_year(terms: str) -> None:
    with pytest.raises(UnknownTerms, match="9999"):
        due_date(terms, date(9999, 12, 31))


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(
    st.sampled_from(["Net {}", "{} days", "EOM+{}", "{} EOM", "Net {} EOM", "2/10 Net {}", "{} MFI", "EOM", "COD"]),
    st.integers(1, 31),
    st.dates(max_value=date(9990, 1, 1)),
)
def test_never_due_before_the_issue(form: str, number: int, issued_on: date) -> None:
    terms = form.format(number)
    assert due_date(terms, issued_on) >= issued_on
    assert due_date(terms.upper(), issued_on) == due_date(normalise(terms), issued_on)
