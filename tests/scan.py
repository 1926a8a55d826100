"""Look for words in all that a server leaves behind: rows, files, logs and answers."""

import base64
import contextlib
import io
import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import psycopg2
from psycopg2.sql import SQL, Identifier

_COLUMNS = """
SELECT c.table_name, array_agg(c.column_name::text ORDER BY c.ordinal_position)
  FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
 WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' GROUP BY 1 ORDER BY 1
"""


class Needles:
    """Words, in every simple disguise: upper and lower case, escaped, in hexadecimal, in base64."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = list(dict.fromkeys(words))
        self.folded = {form: word for word in self.words for form in _folded_forms(word)}
        self.exact = {form: word for word in self.words for form in _base64_forms(word)}

    def within(self, text: bytes) -> set[str]:
        """Return which of the words are in a text."""
        found = {word for form, word in self.exact.items() if form in text}
        folded = text.lower()
        return found | {word for form, word in self.folded.items() if form in folded}


def _folded_forms(word: str) -> set[bytes]:
    """Return what to look for in a text whose ASCII letters are lower case."""
    forms = set()
    for cased in (word, word.lower(), word.upper()):
        escaped = json.dumps(cased)[1:-1]
        forms |= {cased, quote(cased), quote(cased, safe=""), quote_plus(cased), escaped, escaped.replace("\\", r"\\")}
        forms.add(cased.encode().hex())
    return {form.encode().lower() for form in forms}


def _base64_forms(word: str) -> set[bytes]:
    """Return what base64 makes of a word wherever it begins, as far as that is the word's alone."""
    forms = set()
    for cased in (word, word.lower(), word.upper()):
        raw = cased.encode()
        for before in range(3):
            text = base64.b64encode(b"\0" * before + raw)
            # The first characters mix in what stands before, the last ones what stands behind.
            first, behind = -(-before * 8 // 6), (len(raw) + before) % 3
            whole = text[first : len(text) - (4 if behind else 0)]
            forms |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return {form for form in forms if len(form) > 5}


@dataclass(frozen=True, order=True)
class Hit:
    """A word, and where it was found."""

    place: str
    word: str


class Heap:
    """A heap of texts to be looked through, each with the place it is from; they lie in a folder until then.

    Attributes:
        columns: Of tables whose rows were put here.
        rows: Of those tables.
        bytes: Of all texts.
        files: Whose name and content were put here.
        answers: Of a server.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._texts: dict[str, tuple[str, list[str]]] = {}
        self.columns = self.rows = self.bytes = self.files = self.answers = 0

    def add(self, place: str, text: bytes, columns: Iterable[str] = ()) -> None:
        """Put a text here; with ``columns`` it is what COPY wrote of a table."""
        name = str(len(self._texts))
        (self._folder / name).write_bytes(text)
        self._texts[name] = (place, list(columns))
        self.bytes += len(text)

    def add_answer(self, place: str, text: bytes) -> None:
        """Put an answer of a server here."""
        self.answers += 1
        self.add(place, text)

    def add_file(self, path: Path, *, since: int = 0) -> None:
        """Put a file's name and its content from a byte on here."""
        self.files += 1
        with path.open("rb") as file:
            file.seek(since)
            self.add(path.name, path.name.encode() + b"\n" + file.read())

    def add_database(self, dsn: str) -> None:
        """Put every row of every table here, whatever the type of its columns; bytes as hexadecimal."""
        with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(_COLUMNS)
            for table, columns in cursor.fetchall():
                sink = io.BytesIO()
                cursor.copy_expert(SQL("COPY {} TO STDOUT").format(Identifier(table)).as_string(cursor), sink)
                content = sink.getvalue()
                self.columns += len(columns)
                self.rows += content.count(b"\n")
                self.add(table, content, columns)

    def hits(self, needles: Needles) -> set[Hit]:
        """Look through all of it."""
        return {hit for name in self._suspects(needles) for hit in self._hits_in(name, needles)}

    def _suspects(self, needles: Needles) -> set[str]:
        """Return the texts in which one of the words is; ``grep`` looks for hundreds at once."""
        return {
            name
            for options, forms in (("-alFi", needles.folded), ("-alF", needles.exact))
            for name in _grep(options, forms, self._folder)
        }

    def _hits_in(self, name: str, needles: Needles) -> set[Hit]:
        (place, columns), content = self._texts[name], (self._folder / name).read_bytes()
        if not columns:
            return {Hit(place, word) for word in needles.within(content)}
        return {
            Hit(f"{place}.{column}", word)
            for row in content.splitlines()
            if needles.within(row)
            for column, value in zip(columns, row.split(b"\t"), strict=True)
            for word in needles.within(value)
        }


def _grep(options: str, forms: Iterable[bytes], folder: Path) -> list[str]:
    found = subprocess.run(
        ["grep", "-r", options, "-f", "-", str(folder)],
        input=b"\n".join(forms),
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
    assert found.returncode in (0, 1), found.stderr
    return [Path(line).name for line in found.stdout.decode().splitlines()]
