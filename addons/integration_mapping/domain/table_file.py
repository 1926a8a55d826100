"""Reading a table that somebody else wrote: CSV in whatever encoding, delimiter and line ends, or XLSX.

Nothing is guessed that could change a value: a text stays the text that stands in the file. What is guessed is only
how the file is built, and that is told (:class:`Table`), so that a person can see it and a profile can settle it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, Literal

import openpyxl

DELIMITERS: Final = ("\t", ";", "|", ",")
ENCODINGS: Final = ("utf-8", "cp1252", "iso-8859-1", "utf-16")
MAX_UNPACKED: Final = 512 * 1024 * 1024
"""Bytes that the parts of an XLSX file may have unpacked, together."""
MAX_FIELD: Final = 131_072
"""Characters of one field; Python's own limit, named here so that it is ours."""
_LOOKED_AT: Final = 30
"""Rows from which a delimiter is told."""
_ZIP: Final = b"PK\x03\x04"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NUMBERED: Final = re.compile(r"0+\Z")
_BREAK: Final = re.compile(r"\r\n|\r|\n")


class TableError(ValueError):
    """The file cannot be read as a table.

    Attributes:
        code: What is wrong, a stable word: ``empty``, ``encoding``, ``nul``, ``quotes``, ``xlsx``, ``too_big``,
            ``too_many``, ``sheet``.
        detail: What the words for people need, such as a number.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Line:
    """One row of a file.

    Attributes:
        number: Where it begins: the line of a text file, the row of a sheet; the first is 1.
        values: Its fields, as texts.
    """

    number: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """What a file holds, and how it was read.

    Attributes:
        header: The first row that is not empty.
        lines: The rows after it, without those that are empty.
        encoding: ``utf-8``, ``utf-16``, ``cp1252`` or ``iso-8859-1``; ``xlsx`` for a workbook.
        delimiter: What stands between fields; an empty text for a workbook.
    """

    header: tuple[str, ...]
    lines: tuple[Line, ...]
    encoding: str
    delimiter: str


def read(
    content: bytes, *, delimiter: str | None = None, encoding: str | None = None, sheet: str | None = None, most: int
) -> Table:
    """Read a file.

    Args:
        content: Its bytes.
        delimiter: What stands between fields; None to find out.
        encoding: One of :data:`ENCODINGS`; None to find out.
        sheet: Name of the sheet of a workbook; None for the first one.
        most: Rows that are read at most.

    Raises:
        TableError: It is no table, or too big.
    """
    if content.startswith(_ZIP):
        found, rows = "xlsx", _workbook_rows(content, sheet)
        delimiter = ""
    else:
        text, found = decode(content, encoding)
        delimiter = delimiter or find_delimiter(text)
        rows = _text_rows(text, delimiter)
    filled = (Line(number, values) for number, values in rows if any(value.strip() for value in values))
    header = next(filled, None)
    if header is None:
        raise TableError("empty")
    return Table(header.values, tuple(_at_most(filled, most)), found, delimiter)


def _at_most(lines: Iterable[Line], most: int) -> Iterator[Line]:
    for count, line in enumerate(lines):
        if count >= most:
            raise TableError("too_many", str(most))
        yield line


# -- text


def decode(content: bytes, encoding: str | None = None) -> tuple[str, str]:
    r"""Return the text of a file and the encoding that it was read in.

    Raises:
        TableError: It is not in the encoding, or has U+0000 in it, which is no text.

    >>> decode("Röntgen".encode("utf-8-sig"))
    ('Röntgen', 'utf-8')
    >>> decode(b"R\xf6ntgen")
    ('Röntgen', 'cp1252')
    >>> decode("Röntgen".encode("utf-16-be"))
    ('Röntgen', 'utf-16')
    """
    candidates = _candidates(content) if encoding is None else [encoding]
    for candidate in candidates:
        try:
            text = content.decode(_by_mark(content, candidate))
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            raise TableError("nul")
        name = candidate.removesuffix("-sig")
        return text.removeprefix("\ufeff"), "utf-16" if name.startswith("utf-16") else name
    raise TableError("encoding", encoding or "")


def _by_mark(content: bytes, encoding: str) -> str:
    """Return the codec for an encoding that a person has named, of a file that may begin with a mark or not."""
    if encoding == "utf-16" and not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _utf16_order(content) or "utf-16-le"
    return encoding


def _candidates(content: bytes) -> list[str]:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return [encoding]
    unmarked = _utf16_order(content)
    return [unmarked] if unmarked else ["utf-8", "cp1252", "iso-8859-1"]


def _utf16_order(content: bytes) -> str | None:
    """Return the byte order of UTF-16 without a mark: of its Latin letters and separators every other byte is 0."""
    sample = content[:4096]
    if len(content) % 2 or b"\0" not in sample:
        return None
    low, high = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if high > half * 0.4 and low < high / 4:
        return "utf-16-le"
    return "utf-16-be" if low > half * 0.4 and high < low / 4 else None


def find_delimiter(text: str) -> str:
    r"""Return what stands between the fields of a text: what divides its first rows into equally many, at least two.

    >>> find_delimiter("code;name\n1;a, b\n2;c\n")
    ';'
    >>> find_delimiter("code\n1\n2\n")
    ','
    """
    sample = "\n".join(_BREAK.split(text, _LOOKED_AT)[:_LOOKED_AT])
    best, best_rank = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        rank = (round(alike, 1), widths[0])
        if rank > best_rank:
            best, best_rank = delimiter, rank
    return best


def _text_rows(text: str, delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield (line, fields). Quotes are read as RFC 4180 has them; where they are none such, they are text."""
    try:
        yield from list(_parsed(text, delimiter, csv.QUOTE_MINIMAL))
    except csv.Error:
        try:
            yield from list(_parsed(text, delimiter, csv.QUOTE_NONE))
        except csv.Error as error:
            raise TableError("quotes", str(error)) from error


def _parsed(text: str, delimiter: str, quoting: Literal[0, 3]) -> Iterator[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    begins = 1
    for row in reader:
        yield begins, tuple(row)
        begins = reader.line_num + 1


# -- workbooks


def _workbook_rows(content: bytes, sheet: str | None) -> Iterator[tuple[int, tuple[str, ...]]]:
    _check_size(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    except Exception as error:
        raise TableError("xlsx", type(error).__name__) from error
    try:
        page = book[sheet] if sheet else book.worksheets[0]
    except (KeyError, IndexError) as error:
        raise TableError("sheet", sheet or "") from error
    try:
        for number, cells in enumerate(page.iter_rows(), 1):
            yield number, tuple(cell_text(cell.value, cell.number_format) for cell in cells)
    except TableError:
        raise
    except Exception as error:
        raise TableError("xlsx", type(error).__name__) from error
    finally:
        book.close()


def _check_size(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            size = sum(part.file_size for part in parts.infolist())
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise TableError("xlsx", type(error).__name__) from error
    if size > MAX_UNPACKED:
        raise TableError("too_big", str(MAX_UNPACKED))


def cell_text(value: Any, number_format: str = "General") -> str:
    """Return what a cell says as the text that a person sees in it.

    A spreadsheet keeps ``007`` as the number 7 with a format that shows the zeros: they belong to the code. It adds in
    binary fractions and shows 15 digits: what is beyond them nobody entered.

    >>> [cell_text(7.0), cell_text(7, "000"), cell_text(1.5), cell_text(date(2026, 1, 2)), cell_text(None)]
    ['7', '007', '1.5', '2026-01-02', '']
    >>> [cell_text(0.1 + 0.2), cell_text(0.7 + 0.2 + 0.1), cell_text(0.00001)]
    ['0.3', '1', '0.00001']
    """
    match value:
        case None:
            return ""
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            whole = int(value) if isinstance(value, float) and value.is_integer() else value
            shown = f"{Decimal(f'{whole:.15g}'):f}" if isinstance(whole, float) else str(whole)
            return shown.zfill(len(number_format)) if _NUMBERED.match(number_format) else shown
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat()
    return str(value)


# -- writing

_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def disarm(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula; :func:`rearm` gives back the one that it was.

    >>> disarm("=1+1"), disarm("'tis"), disarm("99213")
    ("'=1+1", "''tis", '99213')
    """
    return f"'{text}" if text.startswith(_DANGEROUS) else text


def rearm(text: str) -> str:
    """Return what :func:`disarm` was given.

    >>> rearm("'=1+1"), rearm("''tis"), rearm("99213")
    ('=1+1', "'tis", '99213')
    """
    return text[1:] if text.startswith("'") and text[1:].startswith(_DANGEROUS) else text


def write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as CSV: UTF-8 with a mark, by which spreadsheets know it, commas, CRLF; each text disarmed."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerows([disarm(text) for text in row] for row in rows)
    return buffer.getvalue().encode("utf-8-sig")


def write_xlsx(rows: Iterable[Sequence[str]]) -> bytes:
    """Return rows as a workbook whose cells are all texts, disarmed in case that somebody saves it as CSV.

    Raises:
        TableError: A text has a control character in it, which a workbook cannot hold (``control``).
    """
    book = openpyxl.Workbook(write_only=True)
    page = book.create_sheet("Codes")
    for row in rows:
        if any(_ILLEGAL.search(text) for text in row):
            raise TableError("control")
        page.append([disarm(text) for text in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
