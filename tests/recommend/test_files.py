"""Files of unknown origin are read as far as they can be used, and the rest is told with its line."""

import gzip
import hashlib
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalization.recommend.files import read_catalog, read_log, summary
from personalization.recommend.tables import FileError

HEADER = "visitor,item,timestamp"


@pytest.fixture
def write(tmp_path):
    def write(content, name="log.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def rows(log):
    return list(zip(log.visitors, log.items, log.timestamps.tolist(), log.weights.tolist(), strict=True))


PLAIN = [("007", "x,1", 5.0, 1.0), ("ann", "y", 6.0, 2.0)]


@pytest.mark.parametrize(
    "content",
    [
        'visitor,item,timestamp,weight\n007,"x,1",5,\nann,y,6,2\n',
        '\ufeffvisitor,item,timestamp,weight\r\n007,"x,1",5,\r\nann,y,6,2\r\n',
        'visitor;item;timestamp;weight\n007;"x,1";5;\nann;y;6;2\n',
        "visitor\titem\ttimestamp\tweight\n007\tx,1\t5\t\nann\ty\t6\t2\n",
        "visitor|item|timestamp|weight\n007|x,1|5|1\nann|y|6|2.0",
        '\n\n Weight , TIMESTAMP, Visitor ,item\n ,5, 007 ,"x,1"\n2,6,ann,y\n\n',
        'visitor,item,timestamp,weight\n007,"x,1",5,1,\nann,y,6,2,\n',
        gzip.compress(b'visitor,item,timestamp,weight\n007,"x,1",5,1\nann,y,6,2\n'),
        'visitor,item,timestamp,weight\n007,"x,1",5,1\nann,y,6,2\n'.encode("utf-16"),
    ],
    ids=["plain", "mark", "semicolons", "tabs", "bars", "disorder", "trailing", "gzip", "utf-16"],
)
def test_the_same_rows_are_read_in_whatever_dress(write, content):
    path = write(content)
    log = read_log(path)
    assert rows(log) == PLAIN
    assert log.facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (log.facts["rows"], log.facts["used"], log.facts["visitors"], log.facts["items"]) == (2, 2, 2, 2)
    assert not summary(log.facts)


@pytest.mark.parametrize(
    "cell",
    [
        "2020-09-13T12:26:40Z",
        "2020-09-13 12:26:40",
        "2020-09-13T14:26:40+02:00",
        "2020-09-13T12:26:40.000",
        "1600000000",
        "1.6e9",
        "1600000000000",
        "1600000000000000",
        "1600000000000000000",
    ],
)
def test_times_may_be_dates_or_numbers_of_any_unit(write, cell):
    log = read_log(write(f"{HEADER}\na,x,{cell}\na,y,{cell}\n"))
    assert log.timestamps.tolist() == [1.6e9, 1.6e9]
    assert log.facts["from"] == datetime.fromtimestamp(1.6e9, tz=UTC).isoformat()


def test_a_date_alone_is_midnight_and_may_stand_beside_numbers(write):
    log = read_log(write(f"{HEADER}\na,x,1970-01-02\na,y,3\n"))
    assert log.timestamps.tolist() == [86_400, 3]


def test_what_cannot_be_used_is_left_out_and_counted_by_reason_and_first_line(write):
    lines = [
        f"{HEADER},weight",
        *(f"a,item {n},{n},1" for n in range(20)),
        ",x,1,1",
        "nan,x,1,1",
        "a,,1,1",
        '"a","two\nlines",50,1',
        "a,x,yesterday,1",
        "a,x,today,1",
        "a,x,inf,1",
        "a,x,-5,1",
        "a,x,1,-2",
        "a,x,1,0",
        "a,x,1,much",
        "a,x,1,1e99",
        "a,item 3,3,7",
        "",
    ]
    log = read_log(write("\n".join(lines)))
    assert {reason: (entry["rows"], entry["first_line"]) for reason, entry in log.facts["dropped"].items()} == {
        "no visitor": (2, 22),
        "no item": (1, 24),
        "the timestamp is neither ISO 8601 nor a number of seconds or milliseconds": (3, 27),
        "the timestamp is before 1970": (1, 30),
        "the weight is not a number": (2, 33),
        "the weight is not above zero": (2, 31),
    }
    assert log.facts["duplicates"] == 1
    assert (log.facts["rows"], log.facts["used"]) == (33, 21)
    assert len(summary(log.facts)) == 7


def test_columns_that_mean_nothing_here_are_named(write):
    log = read_log(write(f"{HEADER},price,colour\na,x,1,3,red\n"))
    assert log.facts["ignored_columns"] == ["price", "colour"]
    assert "price, colour" in summary(log.facts)[0]


def test_of_two_columns_of_one_name_the_first_counts(write):
    assert rows(read_log(write(f"{HEADER},item\na,x,1,other\n"))) == [("a", "x", 1, 1)]


def test_another_encoding_is_read_and_told(write):
    log = read_log(write(f"{HEADER}\nRené,x,1\n".encode("latin-1")))
    assert log.visitors == ["René"]
    assert summary(log.facts) == ["log.csv: not UTF-8, read as Latin-1."]


def test_each_visitors_last_named_segment_counts(write):
    log = read_log(write(f"{HEADER},segment\na,x,1,en\na,y,2,fr\na,z,3,\nb,x,1,\n"))
    assert log.segments == {"a": "fr"}
    assert log.interactions().segments == ("fr", "")


def test_items_stand_in_the_order_of_numbers_where_they_are_numbers(write):
    assert read_log(write(f"{HEADER}\na,10,1\na,9,1\na,009,1\n")).item_ids == ("009", "9", "10")
    assert read_log(write(f"{HEADER}\na,10,1\na,9,1\na,x,1\n")).item_ids == ("10", "9", "x")


def test_repeats_of_a_pair_make_one_interaction(write):
    seen = read_log(write(f"{HEADER},weight\na,x,1,2\na,x,9,3\n")).interactions()
    assert (seen.matrix.toarray().tolist(), seen.timestamps.tolist()) == ([[5]], [9])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty."),
        ("\n \n", "the file is empty."),
        (HEADER, "there are no rows below the header."),
        (f"{HEADER}\n,,\n\n", "there are no rows below the header."),
        (
            "\nuser,movie,rating\n1,2,3\n",
            "line 2: no column visitor, item, timestamp; the columns are user, movie, rating.",
        ),
        ("1\t2\t3\n", "line 1: no column visitor, item, timestamp"),
        (f"{HEADER}\na,x,1\n\na,b,c,d\n", "line 4: 4 fields, but the header has 3."),
        (f'{HEADER}\na,x,1\na,"x,1\n', "line 3: a quotation mark opens a text that is never closed."),
        (f"{HEADER}\na,x,Monday\na,y,Tuesday\na,z,3\n", "line 2: the timestamp is neither ISO 8601"),
        (f"{HEADER}\n,x,1\n", "line 2: no visitor; 1 of 1 rows cannot be used."),
        (b"\x89PNG\r\n\x00\x00", "this is not a text file."),
        (gzip.compress(b"visitor,item,timestamp\na,b,1\n", mtime=0)[:-6], "the compressed file is damaged"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(write, content, message):
    path = write(content)
    with pytest.raises(FileError) as error:
        read_log(path)
    assert str(error.value).startswith(f"{path}: {message}")
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileError, match=r"none\.csv: No such file"):
        read_log(tmp_path / "none.csv")
    with pytest.raises(FileError, match="Is a directory"):
        read_log(tmp_path)


words = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)


@settings(max_examples=60)
@given(st.lists(st.tuples(words, words, words | st.integers().map(str), words), min_size=1, max_size=8))
def test_whatever_stands_in_the_cells_there_is_an_answer_or_a_reason(tmp_path_factory, cells):
    path = tmp_path_factory.mktemp("files") / "log.csv"
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells]
    path.write_text("\n".join([f"{HEADER},weight", *quoted]), encoding="utf-8")
    log, refusal = attempt(path)
    assert "\n" not in refusal
    if log is not None:
        assert 0 < log.facts["used"] <= len(cells)
        assert log.interactions().matrix.nnz
        assert np.isfinite(log.timestamps).all()


def attempt(path):
    try:
        return read_log(path), ""
    except FileError as error:
        return None, str(error)


def test_items_are_read_with_their_texts_and_tags(write):
    path = write(
        "item,title,text,tags,price\n01,Stars,The night sky,space| night,3\n,lost,,,\n02,Bread,,food,\n01,Twice,,,\n"
    )
    catalog = read_catalog(path)
    assert catalog.ids == ("01", "02")
    assert catalog.texts == ("Stars\nThe night sky\nspace, night", "Bread\nfood")
    assert catalog.tags == (("space", "night"), ("food",))
    assert catalog.facts["items"] == 2


def test_items_need_no_more_than_their_ids(write):
    catalog = read_catalog(write("item\nx\n"))
    assert (catalog.ids, catalog.texts, catalog.tags) == (("x",), ("",), ((),))


def test_a_catalog_without_an_item_is_refused(write):
    with pytest.raises(FileError, match="no row names an item"):
        read_catalog(write("item,title\n,Stars\n"))
    with pytest.raises(FileError, match="no column item"):
        read_catalog(write("id,title\n1,Stars\n"))
