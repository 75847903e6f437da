"""Delimited text files of unknown origin, as columns of strings."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
import warnings
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DELIMITERS = (",", "\t", ";", "|")
GZIP = b"\x1f\x8b"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")


class FileError(Exception):
    """A file cannot be used; the message is one line that names it, and the line in it where there is one."""


@dataclass(frozen=True, eq=False)
class Table:
    """A file as strings: cells by column, and what was found out about it on the way."""

    path: Path
    frame: Any
    first_line: int
    facts: dict[str, Any]

    def has(self, name: str) -> bool:
        """Tell whether there is such a column."""
        return name in self.frame

    def column(self, name: str) -> NDArray[Any]:
        """Return the cells of one column; blanks when it is not there."""
        if not self.has(name):
            return np.full(len(self.frame), "", dtype=object)
        return np.asarray(self.frame[name].to_numpy(dtype=object))

    def line(self, row: int) -> int:
        """Return the line on which a row begins: quoted cells may hold line breaks."""
        before = self.frame.iloc[:row]
        breaks = sum(int(before[name].str.count("\n").sum()) for name in before)
        return self.first_line + row + breaks


def read_table(path: Path, required: Sequence[str], optional: Collection[str]) -> Table:
    """Read a file: delimited by comma, tab, semicolon or bar; UTF-8, UTF-16 or Latin-1; plain or compressed by gzip.

    Columns are known by their names in any order and case. Those that are neither required nor optional are listed in
    the facts, as are the SHA-256 of the bytes, the encoding and the number of rows that hold anything.

    Raises
    ------
    FileError
        If the file cannot be read, a required column is missing, or there are no rows.
    """
    text, facts = _read_text(path)
    body = text.lstrip("\r\n")
    header_line = 1 + text[: len(text) - len(body)].count("\n")
    if not body.strip():
        raise FileError(f"{path}: the file is empty.")
    header, delimiter = _header(body, required)
    missing = [name for name in required if name not in header]
    if missing:
        raise FileError(
            f"{path}: line {header_line}: no column {', '.join(missing)}; the columns are {', '.join(header)[:200]}."
        )
    frame = _parse(path, body, delimiter, header_line)
    frame.columns = header
    known = {*required, *optional}
    facts["ignored_columns"] = [name for name in header if name not in known]
    frame = frame[[name for name in dict.fromkeys(header) if name in known]]
    filled = np.logical_or.reduce([frame[name].str.strip() != "" for name in frame]) if len(frame) else []
    facts["rows"] = int(np.sum(filled))
    if not facts["rows"]:
        raise FileError(f"{path}: there are no rows below the header.")
    return Table(path, frame, header_line + 1, facts)


def _read_text(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}.") from error
    facts: dict[str, Any] = {"file": path.name, "sha256": hashlib.sha256(raw).hexdigest()}
    try:
        content = gzip.decompress(raw) if raw.startswith(GZIP) else raw
    except (OSError, EOFError, zlib.error) as error:
        raise FileError(f"{path}: the compressed file is damaged: {error}.") from error
    for encoding in ("utf-16",) if content.startswith(UTF_16) else ("utf-8-sig", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text.replace("\r\n", "\n").replace("\r", "\n"), facts | {"encoding": encoding.removesuffix("-sig")}
    raise FileError(f"{path}: this is not a text file.")


def _header(body: str, required: Sequence[str]) -> tuple[list[str], str]:
    """Return the names of the columns, in small letters, and the delimiter that finds most of the required ones."""
    line = body.partition("\n")[0]

    def names(delimiter: str) -> list[str]:
        return [
            name.strip().casefold() for name in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        ]

    best = max(DELIMITERS, key=lambda d: (len(set(required) & set(names(d))), len(names(d))))
    header = names(best)
    # Of two columns of one name the first counts; a delimiter at the end of the line names none.
    return [name if name not in header[:place] else f"{name} ({place + 1})" for place, name in enumerate(header)], best


def _parse(path: Path, body: str, delimiter: str, header_line: int) -> Any:
    try:
        with warnings.catch_warnings():
            # A delimiter at the end of every line but the header's: nothing is lost.
            warnings.simplefilter("ignore", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO(body),
                sep=delimiter,
                dtype=str,
                na_filter=False,
                skip_blank_lines=False,
                index_col=False,
                skipinitialspace=True,
            )
    except (pd.errors.ParserError, csv.Error) as error:
        raise FileError(f"{path}: {_explain(str(error), header_line)}") from error
    return frame


def _explain(message: str, header_line: int) -> str:
    fields = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", message)
    if fields:
        return (
            f"line {int(fields[2]) + header_line - 1}: {fields[3]} fields, but the header has {fields[1]}. "
            "Put quotes around a text that holds the delimiter."
        )
    quoted = re.search(r"EOF inside string starting at row (\d+)", message)
    if quoted:
        return f"line {int(quoted[1]) + header_line}: a quotation mark opens a text that is never closed."
    return f"{' '.join(message.split())}."
