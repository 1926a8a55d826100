"""A list is the same list in whatever encoding, delimiter and line ends it comes, and as a workbook."""

import io
import zipfile

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration_mapping.domain import table_file
from integration_mapping.domain.table_file import TableError, read, write_csv, write_xlsx

# How fast a busy machine draws examples says nothing about the rules.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ROWS = (("code", "name", "price"), ("001", "Röntgen, Thorax", "12,50"), ("002", 'Naht 3" lang', "0"))


def text_of(rows, delimiter=";", end="\n"):
    def quoted(value):
        return '"' + value.replace('"', '""') + '"' if delimiter in value or '"' in value else value

    return end.join(delimiter.join(map(quoted, row)) for row in rows) + end


def said(table):
    return (table.header, *(line.values for line in table.lines))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", ["\t", ";", "|", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_same_list(encoding, delimiter, end):
    table = read(text_of(ROWS, delimiter, end).encode(encoding), most=10)
    assert said(table) == ROWS
    assert table.delimiter == delimiter
    assert [line.number for line in table.lines] == [2, 3]


def test_bytes_that_windows_1252_lacks_are_iso_8859_1():
    table = read(b"code;name\n1;caf\xe9 \x81\n", most=10)
    assert table.encoding == "iso-8859-1"
    assert table.lines[0].values[1] == "café \x81"


def test_an_encoding_that_a_person_names_is_not_guessed_about():
    assert read("code;n\n1;é\n".encode("cp1252"), encoding="iso-8859-1", most=9).lines[0].values == ("1", "é")
    with pytest.raises(TableError, match="encoding"):
        read("code;n\n1;é\n".encode("cp1252"), encoding="utf-8", most=9)
    assert read("code;n\n1;é\n".encode("utf-16-be"), encoding="utf-16", most=9).encoding == "utf-16"


def test_quotes_that_are_none_are_text():
    table = read(b'code|name\n1|5" NAIL\n2|"ASPIRIN" 81 MG\n3|x\n', most=10)
    assert [line.values for line in table.lines] == [("1", '5" NAIL'), ("2", '"ASPIRIN" 81 MG'), ("3", "x")]


def test_fields_with_line_ends_keep_them_and_lines_are_counted():
    table = read(b'code,name\r\n1,"two\r\nlines"\r\n2,x\r\n', most=10)
    assert [(line.number, line.values) for line in table.lines] == [(2, ("1", "two\r\nlines")), (4, ("2", "x"))]


def test_empty_rows_are_no_rows():
    assert len(read(b"\n\ncode,name\n , \n1,a\n\n", most=10).lines) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"code;n\n1;a\0\n", "nul"),
        (b"PK\x03\x04 no workbook", "xlsx"),
        (b"code\n1\n2\n3\n", "too_many"),
    ],
)
def test_what_is_no_table_is_refused_with_a_word(content, code):
    with pytest.raises(TableError) as caught:
        read(content, most=2)
    assert caught.value.code == code


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(table_file, "MAX_UNPACKED", 1000)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/sheet.xml", b" " * 2000)
    with pytest.raises(TableError, match="too_big"):
        read(buffer.getvalue(), most=9)


def workbook(*rows, formats=None):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for place, number_format in (formats or {}).items():
        book.active[place].number_format = number_format
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_a_workbook_is_the_list_too():
    content = workbook(*ROWS)
    assert said(read(content, most=10)) == ROWS


def test_numbers_of_a_workbook_are_the_texts_that_people_see():
    content = workbook(("code", "price"), (7, 1.5), (99213, 12.0), formats={"A2": "00000"})
    assert [line.values for line in read(content, most=10).lines] == [("00007", "1.5"), ("99213", "12")]


def test_a_sum_of_a_workbook_has_the_digits_that_people_see():
    content = workbook(("price",), (0.1 + 0.2,), (1234.1 + 0.05,), (2.9999999999999996,), (0.00001,))
    assert [line.values[0] for line in read(content, most=10).lines] == ["0.3", "1234.15", "3", "0.00001"]


def test_a_sheet_that_is_not_there():
    with pytest.raises(TableError, match="sheet"):
        read(workbook(*ROWS), sheet="Prices", most=10)


ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
PRINTED = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12)
DANGEROUS = st.builds(lambda first, rest: first + rest, st.sampled_from("=+-@'\t\r"), PRINTED)


@patiently
@given(st.lists(st.tuples(st.just("x"), ANY | DANGEROUS), max_size=5))
def test_what_is_written_comes_back_and_is_no_formula(rows):
    content = write_csv([("code", "name"), *rows])
    table = read(content, most=10)
    assert [tuple(map(table_file.rearm, line.values)) for line in table.lines] == rows
    assert not any(line.values[1].startswith(("=", "+", "-", "@", "\t", "\r")) for line in table.lines)


def test_a_workbook_that_is_written_comes_back_and_has_no_formula():
    rows = [("code", "name"), ("=1+1", "-x"), ("007", "'tis"), ("@a", "+ 1")]
    content = write_xlsx(rows)
    table = read(content, most=10)
    assert [tuple(map(table_file.rearm, line.values)) for line in table.lines] == rows[1:]
    cells = [cell for row in openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}


def test_a_workbook_cannot_hold_control_characters():
    with pytest.raises(TableError, match="control"):
        write_xlsx([("a\x01",)])
