"""Recognises a CSV file by its header, whatever its name: RFC 4180 in UTF-8, with or without a BOM.

Only the first 64 KiB are looked at. What stands behind the header is Data Factory's and the merge's to judge.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from shared.catalog.schemas import CSV_COLUMNS
from shared.imports.schemas import Kind

# So much of a file is looked at.
HEAD_BYTES = 64 * 1024

_KINDS: tuple[Kind, ...] = ("products", "categories")
COLUMNS: dict[Kind, tuple[str, ...]] = {kind: CSV_COLUMNS[kind] for kind in _KINDS}

# What files that are no text begin with. UTF-32 comes first: its little-endian BOM begins as UTF-16's does.
_SIGNATURES = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip file (an .xlsx is one)",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "a file of an older Excel (.xls)",
    b"PAR1": "a Parquet file",
    b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a Zstandard file",
    b"\xfd7zXZ\x00": "an xz file",
    b"%PDF": "a PDF file",
}
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Recognition:
    """The kind of a file, or a sentence that says what was expected and what came."""

    kind: Kind | None
    message: str | None


def recognise(head: bytes, size: int) -> Recognition:
    """What a file of `size` bytes is that begins with `head` (its first HEAD_BYTES)."""
    if not size:
        return _refused("an empty file")
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return _refused(name)
    whole = len(head) == size
    try:
        # Not final where the file goes on: its last character may be cut.
        text, _ = codecs.utf_8_decode(head, "strict", whole)
    except UnicodeDecodeError as error:
        return _refused(f"bytes that are not UTF-8 (0x{head[error.start]:02x} at byte {error.start:,})")
    return _by_header(text.removeprefix("\ufeff"), whole=whole)


def _by_header(text: str, *, whole: bool) -> Recognition:
    lines = _Lines(text)
    header = next((record for record in csv.reader(lines) if record), None)
    if not whole and (header is None or lines.ended or not lines.last.endswith(("\n", "\r"))):
        return _refused(f"a header that goes on beyond the first {HEAD_BYTES:,} bytes")
    if header is None:
        return _refused("a file without a line")
    if lines.ended:
        return _refused("a header with a quote that is never closed")
    if any("\0" in name for name in header):
        return _refused("binary data (a NUL character in the header; UTF-16 has them, too)")
    return _by_names(header)


class _Lines:
    """The lines of a text, their ends kept.

    `ended`: the reader has asked for more than there is. It does so for a record only within quotes.
    """

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.last = ""
        self.ended = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._lines.readline()
        if not line:
            self.ended = True
            raise StopIteration
        self.last = line
        return line


def _by_names(header: Sequence[str]) -> Recognition:
    for kind, columns in COLUMNS.items():
        if set(columns) <= set(header):
            repeated = [name for name in columns if header.count(name) > 1]
            if repeated:
                return _refused(f"a {kind} header with {', '.join(repeated)} more than once")
            return Recognition(kind, None)
    return _refused(f"the header {_shown(header)}{_nearest(header)}")


def _shown(header: Sequence[str]) -> str:
    came = "".join(character if character.isprintable() else "\ufffd" for character in ",".join(header))
    return came if len(came) <= _SHOWN_CHARACTERS else came[:_SHOWN_CHARACTERS] + "…"


def _nearest(header: Sequence[str]) -> str:
    """What a header that is nearly one of ours lacks."""
    separator = next((name for sign, name in _SEPARATORS.items() if len(header) == 1 and sign in header[0]), None)
    if separator:
        return f" (separated by {separator}, not commas)"
    spelled = {_simplified(name): name for name in header}

    def likeness(kind: Kind) -> float:
        return sum(_simplified(name) in spelled for name in COLUMNS[kind]) / len(COLUMNS[kind])

    kind = max(COLUMNS, key=likeness)
    missing = [name for name in COLUMNS[kind] if name not in header]
    if not likeness(kind):
        return ""
    lacks = ", ".join(_lacking(name, spelled.get(_simplified(name))) for name in missing)
    return f" (for {kind} it lacks {lacks}; names are matched exactly)"


def _lacking(name: str, came: str | None) -> str:
    return name if came is None else f'{name} (it has "{_shown([came])}")'


def _simplified(name: str) -> str:
    """The same for spellings of a name that a person takes for one another."""
    return "".join(character for character in name.casefold() if character.isalnum())


def _refused(came: str) -> Recognition:
    expected = " or ".join(f"{','.join(columns)} ({kind})" for kind, columns in COLUMNS.items())
    return Recognition(None, f"Expected a CSV file in UTF-8 with the header {expected}, got {came}.")
