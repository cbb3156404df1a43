"""Splits T-SQL procedures into statements: sqlglot parses these, but not all of the control flow around them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sqlglot.dialects.tsql import TSQL
from sqlglot.tokenizer_core import Token

# The first words of statements, which end the condition of an IF or a WHILE.
_BEGINNINGS = frozenset(
    {
        "BEGIN", "COMMIT", "CREATE", "DECLARE", "DELETE", "EXEC", "IF", "INSERT", "RETURN", "ROLLBACK", "SELECT", "SET",
        "THROW", "UPDATE", "WHILE",
    }
)  # fmt: skip


def statements_of(definition: str) -> list[str]:
    """The statements of a procedure's body. The definition of a view is one statement.

    The condition of an IF or a WHILE is given as `SELECT 1 WHERE …`. Raises ValueError for a block that isn't closed.
    """
    # sqlglot's tokenizer joins an END with all that follows, up to a semicolon.
    definition = re.sub(r"\bEND(\s+)ELSE\b", r"END;\1ELSE", definition)
    tokens = TSQL().tokenize(definition)
    if "VIEW" in (tokens[1].text.upper(), tokens[2].text.upper()):
        return [definition]
    body = next(
        n for n, token in enumerate(tokens) if token.text.upper() == "AS" and tokens[n + 1].text.upper() == "BEGIN"
    )
    return list(_statements(definition, tokens[body + 1 :]))


def _statements(text: str, tokens: Sequence[Token]) -> Iterator[str]:
    depth = 0
    at = 0
    while at < len(tokens):
        word = tokens[at].text.upper()
        follows = tokens[at + 1].text.upper() if at + 1 < len(tokens) else ""
        if word == "BEGIN" and follows != "TRANSACTION":
            depth += 1
            at += 1
        elif word == "END":
            depth -= 1
            at += 1
        elif word in {"ELSE", ";"}:
            at += 1
        elif word in {"IF", "WHILE"}:
            end = _end(tokens, at + 1, _BEGINNINGS)
            yield f"SELECT 1 WHERE {_text(text, tokens[at + 1 : end])}"
            at = end
        else:
            end = _end(tokens, at, frozenset({";"}))
            yield _text(text, tokens[at:end])
            at = end + 1
    if depth:
        raise ValueError(f"{depth} blocks aren't closed")


def _end(tokens: Sequence[Token], start: int, words: frozenset[str]) -> int:
    """The position of the next of these words outside of brackets."""
    depth = 0
    for at in range(start, len(tokens)):
        word = tokens[at].text.upper()
        depth += {"(": 1, ")": -1}.get(word, 0)
        if not depth and word in words:
            return at
    raise ValueError(f"No {' or '.join(sorted(words))} behind {tokens[start].text}")


def _text(text: str, tokens: Sequence[Token]) -> str:
    return text[tokens[0].start : tokens[-1].end + 1]
