"""Cells as people and programs write them: each becomes the value that is meant, or is refused in words."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lepton_nb.cases.retail.tables import CONTRACT
from lepton_nb.data.findings import DataError
from lepton_nb.data.parsing import (
    PARSERS,
    Parsed,
    parse_birthday,
    parse_date,
    parse_number,
    parse_whole,
    unknown_zone,
)
from lepton_nb.data.reading import read_folder


def dates(*texts: str, **options) -> Parsed:
    return parse_date(pd.Series(texts, dtype=object), **options)


def numbers(*texts: str, **options) -> Parsed:
    return parse_number(pd.Series(texts, dtype=object), **options)


def days_of(parsed: Parsed) -> list[str]:
    assert not parsed.refused and not parsed.bad.any()
    return [str(value)[:10] for value in parsed.values]


def rules(parsed: Parsed) -> dict[str, str]:
    return {rule: why for rule, _, why in parsed.said}


# ---- times of day


@pytest.mark.parametrize(
    "time", ["25:00", "99:99:99", "12:60", "23:59:60", "24:00:01", "24:01", "13:00 PM", "0:30 AM", "24:00 AM"]
)
def test_a_time_that_no_clock_shows_moves_nothing(time):
    parsed = dates("2025-03-01 10:00", f"2025-03-01 {time}")
    assert parsed.bad.tolist() == [False, True] and np.isnat(parsed.values[1])
    assert parsed.why[1] == "has a time of day that no clock shows"


@pytest.mark.parametrize(
    "text, moment",
    [
        ("2025-03-01 24:00", "2025-03-01 23:59:59"),
        ("2025-03-01T24:00:00", "2025-03-01 23:59:59"),
        ("2025-03-01T10:00:00.1234567", "2025-03-01 10:00"),
        ("2025-03-01 10:00:00,25", "2025-03-01 10:00"),
        ("2025-03-01T1030", "2025-03-01 10:30"),
        ("20250301T103015", "2025-03-01 10:30:15"),
        ("01MAR2025:10:30:00", "2025-03-01 10:30"),
        ("3/1/2025, 12:05 a.m.", None),
        ("13/1/2025, 12:05 a.m.", "2025-01-13 00:05"),
        ("13/1/2025 12:05 PM", "2025-01-13 12:05"),
    ],
)
def test_times_of_day(text, moment):
    parsed = dates(text)
    assert parsed.refused if moment is None else parsed.values[0] == pd.Timestamp(moment)


def test_midnight_at_the_end_of_a_day_is_said():
    assert rules(dates("2025-03-01 24:00"))["time of day"] == "the end of the day that is written"


@pytest.mark.parametrize("behind", ["10h30", "10.30 Uhr", "123:00", "12:5", "10:00 CET", "10:00[Europe/Berlin]", "x"])
def test_what_is_no_time_of_day_is_named(behind):
    assert "behind the day that is no time of day" in dates(f"2025-03-01 {behind}").why[0]


# ---- zones


def test_moments_in_utc_are_refused_without_a_zone_and_moved_with_it():
    late = ["2024-01-01T16:24:01Z", "2024-01-02T02:00:40Z", "2024-07-02T04:59:59Z", "2024-07-02T05:00:00Z"]
    refused = dates(*late).refused
    assert refused[0].startswith("moments are in UTC, such as '2024-01-01T16:24:01Z'") and "Europe/Berlin" in refused[1]
    parsed = dates(*late, zone="America/Chicago")
    assert days_of(parsed) == ["2024-01-01", "2024-01-01", "2024-07-01", "2024-07-02"]
    assert rules(parsed)["time zone"] == "moments are put on the clock of America/Chicago"


@pytest.mark.parametrize("zone", ["Z", "z", " UTC", " GMT", "+00:00", "+0000", "+00", "-00:00"])
def test_every_way_of_writing_utc_is_one(zone):
    text = f"2024-01-02 02:00:00{zone}"
    assert dates(text).refused and days_of(dates(text, zone="America/Chicago")) == ["2024-01-01"]


@pytest.mark.parametrize("zone", ["", "America/Chicago"])
def test_days_that_a_program_wrote_as_midnights_in_utc_stay(zone):
    assert days_of(dates("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", zone=zone)) == ["2024-01-01", "2024-01-02"]


@pytest.mark.parametrize("offset", ["-06:00", "-0600", "-06", "+05:30", "+14:00"])
def test_an_offset_is_the_own_clock_and_the_log_claims_no_more(offset):
    parsed = dates(f"2024-01-01T23:30:00{offset}")
    assert days_of(parsed) == ["2024-01-01"]
    assert rules(parsed)["time zone"] == "dropped; the day is kept as it is written"


def test_offsets_of_summer_and_winter_are_one_clock():
    for summer, winter in (("-05:00", "-06:00"), ("+02:00", "+01:00"), ("+01:00", "+00:00")):
        parsed = dates(f"2024-07-01T23:30:00{summer}", f"2024-01-01T23:30:00{winter}")
        assert days_of(parsed) == ["2024-07-01", "2024-01-01"]


@pytest.mark.parametrize(
    "other, word",
    [
        ("2024-01-02T10:00:00Z", "some moments are in UTC and others have an offset"),
        ("2024-01-02T00:00:00Z", "some moments are in UTC and others have an offset"),
        ("2024-01-02T10:00:00+09:00", "moments are of several zones"),
    ],
)
def test_mixed_zones_are_refused(other, word):
    assert word in dates("2024-01-01T10:00:00-06:00", other).refused[0]


def test_mixed_midnights_are_refused_with_a_zone_too():
    assert dates("2024-01-01T00:00:00Z", "2024-01-02T00:00:00-06:00", zone="America/Chicago").refused


def test_moments_with_and_without_a_zone_are_refused():
    texts = ["2024-01-01T10:00:00Z", "2024-01-02T10:00:00"]
    assert dates(*texts).refused
    assert "without a zone, as '2024-01-02T10:00:00'" in dates(*texts, zone="Europe/Berlin").refused[0]


@pytest.mark.parametrize("offset", ["+99:99", "-13:00", "+14:30", "+01:75"])
def test_an_offset_that_no_place_has_is_a_fault(offset):
    assert dates(f"2024-01-01T10:00:00{offset}").why[0] == "has an offset that no place has"


@pytest.mark.parametrize(
    "zone, near",
    [("Chicago", "America/Chicago"), ("Europe/Berlim", "Europe/Berlin"), ("europe/berlin", "Europe/Berlin")],
)
def test_an_unknown_zone_is_refused_with_the_nearest(zone, near):
    assert unknown_zone(zone) == f"the zone '{zone}' is not known, but {near} is"
    assert dates("2024-01-01T10:00:00Z", zone=zone).refused[0].startswith(unknown_zone(zone))


def test_a_zone_like_no_other_names_none():
    assert unknown_zone("qqqqqqq") == "the zone 'qqqqqqq' is not known" and unknown_zone("Europe/Paris") == ""


# ---- forms of dates


@pytest.mark.parametrize(
    "text",
    ["9999-12-31", "1970-01-01", "31.12.9999", "99991231", "12/31/9999", "31 Dez 9999", "0000-00-00", "2101-01-01"],
)
def test_a_far_year_is_called_one(text):
    assert dates(text).why[0] == "lies outside the years 1980 to 2100"


@pytest.mark.parametrize("text", ["2025-02-30", "2025-13-45", "today", "now", "NaT 5", "31042025", "units: 2500"])
def test_what_is_no_date_is_not_called_far(text):
    parsed = dates(text)
    assert parsed.bad.all() and parsed.why[0] == "is not a date"


@pytest.mark.parametrize(
    "text, what",
    [
        ("2025-W07", "week"),
        ("2025W07", "week"),
        ("KW 7 2025", "week"),
        ("2025-03", "month"),
        ("03/2025", "month"),
        ("202503", "month"),
        ("März 2025", "month"),
        ("Mar-25", "month"),
        ("2025-Q1", "quarter"),
        ("2025", "year"),
    ],
)
def test_what_is_no_day_is_named(text, what):
    for column in ([text], ["2025-01-01", text], [text, "2025-01-01"]):
        parsed = dates(*column)
        assert parsed.why[column.index(text)] == f"is a {what}, and days are needed"
        assert parsed.bad.tolist() == [cell == text for cell in column]


def test_seconds_since_1970_are_named():
    assert "count of seconds" in dates("1735689600").why[0] and "count of seconds" in dates("1735689600000").why[0]


@pytest.mark.parametrize(
    "texts, readings",
    [
        (["01/02/03"], ("1 February 2003 (DD/MM/YY)", "2 January 2003 (MM/DD/YY)")),
        (["25.03.24"], ("25 March 2024 (DD.MM.YY)", "24 March 2025 (YY.MM.DD)")),
        (["25.03.24", "26.03.24"], ("25 March 2024 (DD.MM.YY)", "24 March 2025 (YY.MM.DD)")),
        (["03-04-25"], ("3 April 2025 (DD-MM-YY)", "4 March 2025 (MM-DD-YY)")),
        (["250124"], ("24 January 2025 (YYMMDD)", "25 January 2024 (DDMMYY)")),
        (["03-Mar-25"], ("3 March 2025 (DD Mon YY)", "25 March 2003 (YY Mon DD)")),
        (["40125", "40126"], ("25 January 2004 (YYMMDD)", "4 January 2025 (DDMMYY)")),
        ([f"01.01.{year:02}" for year in range(5, 25, 2)], ("1 January 2005 (DD.MM.YY)", "5 January 2001 (YY.MM.DD)")),
    ],
)
def test_years_of_two_digits_that_can_be_days_are_refused_with_both_readings(texts, readings):
    assert f"can be {readings[0]} or {readings[1]}" in dates(*texts).refused[0]


@pytest.mark.parametrize(
    "form, code",
    [
        ("DD.MM.YY", "%d.%m.%y"),
        ("YY.MM.DD", "%y.%m.%d"),
        ("DD/MM/YY", "%d/%m/%y"),
        ("MM/DD/YY", "%m/%d/%y"),
        ("YY-MM-DD", "%y-%m-%d"),
        ("YYMMDD", "%y%m%d"),
        ("DDMMYY", "%d%m%y"),
        ("DD Mon YY", "%d-%b-%y"),
    ],
)
@pytest.mark.parametrize("first, days", [("2025-01-01", 31), ("2024-02-27", 40), ("2014-01-01", 4300)])
def test_a_month_of_dates_tells_which_digits_are_the_year(form, code, first, days):
    days = pd.date_range(first, periods=days)
    parsed = dates(*days.strftime(code))
    assert not parsed.refused and (parsed.values == days.to_numpy()).all()
    assert rules(parsed)["date format"].startswith(f"read as {form}")
    assert "00 to 68 are taken as 2000 to 2068" in rules(parsed)["date format"]


def test_the_first_days_of_many_months_are_no_calendar_read_backwards():
    firsts = pd.date_range("2003-01-01", "2024-12-01", freq="MS")
    assert dates(*firsts.strftime("%d.%m.%y")).refused, "read as YY.MM.DD they would be one year of days 3 to 24"


def test_birthdays_need_their_century():
    assert "can be of two centuries" in parse_birthday(pd.Series(["31.12.45", "30.11.62"])).refused[0]
    assert parse_birthday(pd.Series(["31.12.1945"])).values[0] == pd.Timestamp("1945-12-31")


@pytest.mark.parametrize("first", ["2025-01-01", "2009-11-01", "2015-01-01", "1983-01-01"])
def test_serial_numbers_of_a_month_are_days(first):
    days = pd.date_range(first, periods=60)
    parsed = dates(*((days - pd.Timestamp("1899-12-30")).days.astype(str)))
    assert (parsed.values == days.to_numpy()).all() and "serial" in rules(parsed)["date format"]


def test_a_lost_zero_is_no_serial_number():
    texts = pd.date_range("2003-01-01", periods=90).strftime("%y%m%d").str.lstrip("0")
    parsed = dates(*texts)
    assert parsed.refused or (parsed.values == pd.date_range("2003-01-01", periods=90).to_numpy()).all()


@pytest.mark.parametrize("text", ["2025-123", "2025123", "2025-W18-6"])
def test_days_of_the_year_and_of_the_week_are_read_and_said(text):
    parsed = dates(text)
    assert days_of(parsed) == ["2025-05-03"] and rules(parsed)["date format"].startswith("read as YYYY")


@pytest.mark.parametrize("text", ["2025-366", "2025366", "2025-000", "2025-W53-1", "2025-W00-1", "2025-W07-8"])
def test_a_day_that_the_year_does_not_have_is_none(text):
    assert dates(text).bad.all()
    assert days_of(dates("2024-366", "2024-001")) == ["2024-12-31", "2024-01-01"]


@pytest.mark.parametrize(
    "text",
    [
        *("3. März 2025", "3 mars 2025", "3 de marzo de 2025", "3 March 2025", "March 3, 2025", "March 3rd, 2025"),
        *(
            "03-Mar-2025",
            "03MAR2025",
            "3. Mrz. 2025",
            "03/mar/2025",
            "2025-Mar-03",
            "MÄRZ 3 2025",
            "3\u00a0mars\u202f2025",
        ),
    ],
)
def test_months_in_words_are_read_and_said(text):
    parsed = dates(text)
    assert days_of(parsed) == ["2025-03-03"] and "Mon" in rules(parsed)["date format"]


def test_every_month_is_known_in_four_languages():
    spoken = {
        "en": "January February March April May June July August September October November December",
        "en, short": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
        "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "de, short": "Jan. Feb. Mär. Apr. Mai Jun. Jul. Aug. Sept. Okt. Nov. Dez.",
        "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "fr, short": "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
        "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "es, short": "ene. feb. mar. abr. may. jun. jul. ago. sept. oct. nov. dic.",
    }
    for words in spoken.values():
        parsed = dates(*(f"17 {word} 2025" for word in words.split()))
        assert days_of(parsed) == [f"2025-{month:02}-17" for month in range(1, 13)]


@pytest.mark.parametrize(
    "text", ["２０２５-０３-０１", "٢٠٢٥-٠٣-٠١", "2025\u201103\u201101", "\u200e2025-03-01", "\u00a02025-03-01"]
)
def test_dates_in_other_scripts(text):
    assert days_of(dates(text)) == ["2025-03-01"]


def test_the_log_calls_a_form_the_only_one_where_it_is():
    assert rules(dates("31.12.2025"))["date format"] == "read as DD.MM.YYYY, the only form that fits the whole column"
    parsed = dates("99991231", "20250101")
    assert parsed.said == [("date format", "20250101", "read as YYYYMMDD")]


# ---- numbers and money


@pytest.mark.parametrize(
    "text, code",
    [
        *(
            ("$3", "USD"),
            ("3 €", "EUR"),
            ("£3", "GBP"),
            ("3 usd", "USD"),
            ("EUR 3", "EUR"),
            ("3 zł", "PLN"),
            ("3CHF", "CHF"),
        ),
        *(("Fr. 3", "CHF"), ("SEK 3", "SEK"), ("3 NOK", "NOK"), ("3 DKK", "DKK"), ("Kč 3", "CZK"), ("CA$3", "CAD")),
        *(("A$3", "AUD"), ("$3 CAD", "CAD"), ("US$ 3", "USD"), ("$3 USD", "USD"), ("R$ 3", "BRL"), ("CN¥3", "CNY")),
        *(("¥3", "JPY or CNY"), ("3 kr", "SEK or NOK or DKK or ISK"), ("kr. 3", "SEK or NOK or DKK or ISK"), ("3", "")),
    ],
)
def test_the_currency_beside_a_number(text, code):
    parsed = numbers(text, "4")
    assert parsed.values.tolist() == [3, 4] and parsed.currency == code and not parsed.refused


def test_a_sign_of_several_countries_is_settled_by_a_code_or_said():
    assert numbers("30 kr", "20 SEK").currency == "SEK" and numbers("¥3", "JPY 4").currency == "JPY"
    assert rules(numbers("30 kr"))["currency"] == "the sign can stand for SEK or NOK or DKK or ISK"
    assert rules(numbers("$3"))["currency"] == "the sign is taken as that of USD"
    assert "currency" not in rules(numbers("3 USD"))


@pytest.mark.parametrize(
    "first, second, codes",
    [
        ("$3.00", "3.50 €", ("USD", "EUR")),
        ("£3", "EUR 4", ("GBP", "EUR")),
        ("$3", "4 CAD", ("USD", "CAD")),
        ("3 kr", "4 €", ("SEK or NOK or DKK or ISK", "EUR")),
        ("¥3", "4 kr", ("JPY or CNY", "SEK or NOK or DKK or ISK")),
    ],
)
def test_two_currencies_are_refused_with_an_example_of_each(first, second, codes):
    found = numbers("1", first, second).refused[0]
    assert found == f"two currencies stand in one column: '{first}' ({codes[0]}) and '{second}' ({codes[1]})"


@pytest.mark.parametrize("text", ["5%", "5 %", "12,5%", "% 5", "5‰"])
def test_a_percent_sign_is_named(text):
    assert numbers(text, "1").bad.tolist() == [True, False] and "percent sign" in numbers(text).why[0]


@pytest.mark.parametrize("text", ["3 kg", "5 pcs", "3kg", "3 EUR/kg", "12 Stück", "3 ft", "XYZ 5", "1,5 l"])
def test_a_unit_is_named(text):
    assert numbers(text, "1").bad.tolist() == [True, False]
    assert numbers(text).why[0] == "has a unit or a word beside the number" and not numbers(text).currency


@pytest.mark.parametrize(
    "text, value",
    [
        *(("(12.50)", -12.5), ("12.50-", -12.5), ("($12.50)", -12.5), ("$(12.50)", -12.5), ("12.50 -", -12.5)),
        *(("1,234.50-", -1234.5), ("(1'000)", -1000), ("€ 12.50-", -12.5)),
    ],
)
def test_an_accountants_minus_is_one_and_said(text, value):
    parsed = numbers(text, "0.5")
    assert parsed.values.tolist() == [value, 0.5]
    assert rules(parsed)["accountant's minus"] == "read as a negative number"


@pytest.mark.parametrize(
    "text, value",
    [("5.-", 5), ("5.–", 5), ("CHF 5.--", 5), ("5,- €", 5), ("-5.-", -5), ("1.234,-", 1234), ("1,234.-", 1234)],
)
def test_a_dash_in_the_place_of_the_cents_is_no_minus(text, value):
    parsed = numbers(text)
    assert parsed.values.tolist() == [value] and not parsed.refused and "round amount" in rules(parsed)


@pytest.mark.parametrize("text", ["−5", "–5", "-5", "- 5", "-$5", "$-5", "\u200e-5", "-５", "-٥"])
def test_a_minus_of_the_typesetter(text):
    parsed = numbers(text)
    assert parsed.values.tolist() == [-5] and "accountant's minus" not in rules(parsed)


@pytest.mark.parametrize(
    "text", ["1 2", "12 34", "1 2345", "5 $ 5", "EUR 5 USD", "--5", "(5)-", "-(5)", "(-5)", "(5", "5)", "3-5", "$", "½"]
)
def test_marks_without_sense_make_no_number(text):
    assert numbers(text, "1").bad.tolist() == [True, False]


@pytest.mark.parametrize("text", ["1 234.5", "1\u202f234.5", "1’234.5", "1'234.5", "1,234.5", "1\u00a0234,5"])
def test_thousands_marks_stand_before_three_digits(text):
    assert numbers(text, "1").values.tolist() == [1234.5, 1]


def test_a_zero_before_the_mark_is_no_group_of_thousands():
    assert numbers("0,500", "1,250").values.tolist() == [0.5, 1.25]


def test_missing_and_endless_numbers():
    parsed = numbers("", "NaN", "n/a", "NULL", "-", "–", "\u00a0", "inf", "-inf")
    assert not parsed.bad.any() and np.isnan(parsed.values[:7]).all() and np.isinf(parsed.values[7:]).all()
    assert numbers("1e400", "9" * 101).bad.all(), "what no float holds is no number"


@pytest.mark.parametrize("text", ["1e2147483648", "1e4294967297", "1,5e4294967297", "-1E2147483648"])
def test_an_exponent_that_ends_python_or_wraps_around_is_none(text):
    assert numbers(text, "1e3").bad.tolist() == [True, False]


@pytest.mark.parametrize("text", ["e5", "E0", ".e5", ",e5", "-E3", "e-2"])
def test_an_exponent_of_nothing_is_no_number(text):
    assert numbers(text, "1e3").bad.tolist() == [True, False]
    assert PARSERS["whole"](pd.Series([text], dtype=object)).bad.all()


def test_long_decimals_are_rounded_as_python_does():
    texts = [f"0.{digits:020}" for digits in range(10**9, 10**11, 7 * 10**8 + 13)] + ["82.35000000000001"]
    assert numbers(*texts).values.tolist() == [float(text) for text in texts]


def test_whole_numbers():
    parsed = parse_whole(pd.Series(["6", "6.0", "", "6.5", "inf", "1e20", "3 kg", "six"]))
    assert parsed.bad.tolist() == 3 * [False] + 5 * [True] and parsed.values[:2].tolist() == [6, 6]
    unit = "has a unit or a word beside the number"
    assert parsed.why[3:].tolist() == [*3 * ["is not a whole number"], unit, "is not a whole number"]


# ---- through the reader


def test_the_reader_names_what_stands_in_a_cell(tmp_path):
    lines = ["2025-03-01,S1,a,1,3.00", "2025-03-02 25:00,S1,a,3 kg,5%"]
    (tmp_path / "sales.csv").write_text("date,store,item,units,price\n" + "\n".join(lines) + "\n")
    with pytest.raises(DataError) as caught:
        read_folder(CONTRACT, tmp_path)
    for word in ("'2025-03-02 25:00' has a time of day", "'3 kg' has a unit", "'5%' has a percent sign"):
        assert word in str(caught.value)


def test_an_empty_cell_of_whole_numbers_takes_the_default(tmp_path):
    (tmp_path / "sales.csv").write_text("date,store,item,units,price\n2025-03-01,S1,a,1,3\n2025-03-01,S1,b,1,3\n")
    (tmp_path / "items.csv").write_text("item,cost,pack_size\na,1,\nb,1,6\n")
    assert read_folder(CONTRACT, tmp_path)["items"].pack_size.tolist() == [1, 6]


def test_an_empty_cell_of_whole_numbers_that_are_needed_is_named_once(tmp_path):
    (tmp_path / "sales.csv").write_text("date,store,item,units,price\n2025-03-01,S1,a,1,3\n")
    (tmp_path / "suppliers.csv").write_text("supplier,lead_time\nx,2\ny,\n")
    with pytest.raises(DataError) as caught:
        read_folder(CONTRACT, tmp_path)
    [fault] = caught.value.problems.query("column == 'lead_time'").to_dict("records")
    assert fault["row"] == 3 and fault["found"] == "an empty cell where a value is needed"


# ---- whatever stands in a cell

PIECES = st.sampled_from(
    [
        *(
            "2025",
            "03",
            "31",
            "12",
            "1",
            "9999",
            "W07",
            "45000",
            "250131",
            "T",
            "Z",
            "+01:00",
            "-99:99",
            "24:00",
            "12:60",
        ),
        *(
            "-",
            "/",
            ".",
            ",",
            ":",
            " ",
            "'",
            "(",
            ")",
            "$",
            "€",
            "kr",
            "EUR",
            "¥",
            "%",
            "kg",
            "März",
            "de",
            "am",
            "inf",
        ),
        *(
            "nan",
            "1e400",
            "\0",
            "\n",
            "\u202f",
            "٣",
            "１",
            "\u2212",
            "½",
            "\ud800",
            "NaT",
            "today",
            "yes",
            "+",
            "x" * 101,
        ),
    ]
)
CELLS = st.lists(st.one_of(st.text(max_size=12), st.lists(PIECES, max_size=8).map("".join)), max_size=40)


@settings(max_examples=60, deadline=None)  # of many cells each: a call costs as much as a hundred cells
@given(CELLS, st.booleans(), st.sampled_from(["", "Europe/Berlin", "Chicago"]))
@example([" " * 100_000, "-" * 100_000, "1" * 100_000, "T" * 100_000], False, "")
@example(["E0", "e5"], False, "")
@example(["-" * 100, " " * 99 + "x", "(" * 100, "1 " * 50], False, "")
def test_no_cell_breaks_a_parser(cells, semicolon, zone):
    texts = pd.Series(cells, dtype=object)
    for kind, parser in PARSERS.items():
        options = {"zone": zone} if kind in ("date", "birthday") else {}
        parsed = parser(texts, semicolon, **options)
        assert len(parsed.values) == len(parsed.bad) == len(texts) and parsed.bad.dtype == bool
        assert parsed.why is None or len(parsed.why) == len(texts)
        assert all(parsed.why[parsed.bad]) if parsed.why is not None else parsed.what or not parsed.bad.any()
        dtype = {"number": "float64", "whole": "float64", "yes/no": "bool", "text": "object"}.get(
            kind, "datetime64[ns]"
        )
        assert parsed.values.dtype == dtype
        if kind in ("date", "birthday"):
            assert np.isnat(parsed.values[parsed.bad]).all()
            years = pd.Series(parsed.values[~parsed.bad]).dt.year.dropna()
            assert years.between(1899, 2101).all()
        if kind == "number":
            endless = texts[np.isinf(parsed.values)].str.lower()
            assert endless.str.contains("inf").all() and np.isnan(parsed.values[parsed.bad]).all()
