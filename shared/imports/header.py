"""Recognises a CSV file by its header, whatever its name: RFC 4180 in UTF-8, with or without a BOM."""

from __future__ import annotations

import codecs
import csv
import io
from dataclasses import dataclass

from shared.database.tables import CSV_COLUMNS
from shared.imports.schemas import Kind

# So much of a file is looked at.
HEAD_BYTES = 64 * 1024

COLUMNS: dict[Kind, tuple[str, ...]] = {"products": CSV_COLUMNS["products"], "categories": CSV_COLUMNS["categories"]}

_SIGNATURES = {
    b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip file (such as .xlsx)",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"%PDF": "a PDF file",
}
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
    try:
        # Not final: the last character may be cut.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=len(head) == size)
    except UnicodeDecodeError as error:
        return _refused(f"bytes that are not UTF-8 (at byte {error.start:,})")
    header = _first_record(text)
    if header is None:
        return _refused("a file without a line")
    if any("\0" in name for name in header):
        return _refused("binary data")
    return _by_names(header)


def _first_record(text: str) -> list[str] | None:
    try:
        return next((record for record in csv.reader(io.StringIO(text, newline="")) if record), None)
    except csv.Error:
        return None


def _by_names(header: list[str]) -> Recognition:
    for kind, columns in COLUMNS.items():
        if set(columns) <= set(header):
            repeated = sorted({name for name in columns if header.count(name) > 1})
            if repeated:
                return _refused(f"a {kind} header with {', '.join(repeated)} more than once")
            return Recognition(kind, None)
    came = ",".join(header)
    shown = came if len(came) <= _SHOWN_CHARACTERS else came[:_SHOWN_CHARACTERS] + "…"
    return _refused(f"the header {shown}{_nearest(header)}")


def _nearest(header: list[str]) -> str:
    """What a header that is nearly one of ours lacks."""
    kind, columns = max(COLUMNS.items(), key=lambda item: len(set(item[1]) & set(header)) / len(item[1]))
    missing = [name for name in columns if name not in header]
    if len(missing) == len(columns):
        return ""
    return f" (for {kind} it lacks {', '.join(missing)}; names are matched exactly)"


def _refused(came: str) -> Recognition:
    expected = " or ".join(f"{','.join(columns)} ({kind})" for kind, columns in COLUMNS.items())
    return Recognition(None, f"Expected a CSV file in UTF-8 with the header {expected}, got {came}.")
