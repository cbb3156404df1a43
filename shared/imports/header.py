"""Detects the kind of a CSV file from its header: RFC 4180 in UTF-8, with or without a BOM. Names don't matter.

Only the first 64 KiB are read. Data Factory and the merge check what follows the header.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from shared.catalog.declaration import declared
from shared.catalog.schemas import NewCategory, NewProduct
from shared.imports.schemas import KINDS, Kind

# How much of a file is read.
HEAD_BYTES = 64 * 1024

_FIELDS = {"products": declared(NewProduct), "categories": declared(NewCategory)}
# The columns that a file may have, and those that it must have, in the order of the declaration.
COLUMNS: dict[Kind, tuple[str, ...]] = {kind: tuple(field.csv for field in _FIELDS[kind]) for kind in KINDS}
MANDATORY: dict[Kind, tuple[str, ...]] = {
    kind: tuple(field.csv for field in _FIELDS[kind] if field.mandatory) for kind in KINDS
}

# The first bytes of other file formats. UTF-32 comes first: its little-endian BOM starts with that of UTF-16.
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
class Detection:
    """The kind of a file and the known columns that it has; or a sentence that says what was expected and what came."""

    kind: Kind | None = None
    columns: tuple[str, ...] = ()
    message: str | None = None

    @property
    def csv_columns(self) -> str | None:
        """The columns as a record has them; None where the file was not recognised."""
        return ",".join(self.columns) or None


def detect_kind(head: bytes, size: int) -> Detection:
    """The kind of a file of `size` bytes whose first HEAD_BYTES are `head`."""
    if not size:
        return _refused("an empty file")
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return _refused(name)
    whole = len(head) == size
    try:
        # Not final where the file is longer: the last character may be incomplete.
        text, _ = codecs.utf_8_decode(head, "strict", whole)
    except UnicodeDecodeError as error:
        return _refused(f"bytes that are not UTF-8 (0x{head[error.start]:02x} at byte {error.start:,})")
    return _from_text(text.removeprefix("\ufeff"), whole=whole)


def _from_text(text: str, *, whole: bool) -> Detection:
    lines = _Lines(text)
    header = next((record for record in csv.reader(lines) if record), None)
    if not whole and (header is None or lines.ended or not lines.last.endswith(("\n", "\r"))):
        return _refused(f"a header that is longer than the first {HEAD_BYTES:,} bytes")
    if header is None:
        return _refused("a file without a line")
    if lines.ended:
        return _refused("a header with a quote that is never closed")
    if any("\0" in name for name in header):
        return _refused("binary data (a NUL character in the header; UTF-16 has them, too)")
    return _from_names(header)


class _Lines:
    """The lines of a text with their line ends.

    `ended` is set when the reader asks for a line beyond the last. Within a record it does so only inside quotes.
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


def _from_names(header: Sequence[str]) -> Detection:
    for kind in KINDS:
        if set(MANDATORY[kind]) <= set(header):
            repeated = [name for name in COLUMNS[kind] if header.count(name) > 1]
            if repeated:
                return _refused(f"a {kind} header with {', '.join(repeated)} more than once")
            return Detection(kind, tuple(name for name in COLUMNS[kind] if name in header))
    return _refused(f"the header {_shown(header)}{_difference(header)}")


def _shown(header: Sequence[str]) -> str:
    came = "".join(character if character.isprintable() else "\ufffd" for character in ",".join(header))
    return came if len(came) <= _SHOWN_CHARACTERS else came[:_SHOWN_CHARACTERS] + "…"


def _difference(header: Sequence[str]) -> str:
    """What is missing for the kind that the header is most similar to."""
    separator = next((name for sign, name in _SEPARATORS.items() if len(header) == 1 and sign in header[0]), None)
    if separator:
        return f" (separated by {separator}, not commas)"
    similar = {_simplified(name): name for name in header}

    def similarity(kind: Kind) -> float:
        return sum(_simplified(name) in similar for name in COLUMNS[kind]) / len(COLUMNS[kind])

    kind = max(KINDS, key=similarity)
    if not similarity(kind):
        return ""
    missing = ", ".join(
        _missing(name, similar.get(_simplified(name))) for name in MANDATORY[kind] if name not in header
    )
    return f" (for {kind} it lacks {missing}; names are matched exactly)"


def _missing(name: str, similar: str | None) -> str:
    return name if similar is None else f'{name} (it has "{_shown([similar])}")'


def _simplified(name: str) -> str:
    """The name without case, spaces and punctuation."""
    return "".join(character for character in name.casefold() if character.isalnum())


def _refused(came: str) -> Detection:
    expected = " or ".join(_described(kind) for kind in KINDS)
    return Detection(message=f"Expected a CSV file in UTF-8 whose header has {expected}, got {came}.")


def _described(kind: Kind) -> str:
    optional = [name for name in COLUMNS[kind] if name not in MANDATORY[kind]]
    may_have = f"; it may have {','.join(optional)} too" if optional else ""
    return f"{','.join(MANDATORY[kind])} ({kind}{may_have})"
