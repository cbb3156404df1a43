"""How SQLite's text index divides a title into words."""

from __future__ import annotations

import functools
import sqlite3

TOKENIZER = "unicode61 remove_diacritics 2"


@functools.lru_cache(maxsize=4096)
def is_one_token(word: str) -> bool:
    """Whether FTS5 takes this run of letters and digits as one word.

    Its tables are those of Unicode 6.1: a letter that came later divides words there, so no title is found by it; and a
    word of several tokens would be a phrase, which an index without positions refuses.
    """
    if word.isascii():
        return True
    with sqlite3.connect(":memory:") as connection:
        connection.execute(f'CREATE VIRTUAL TABLE words USING fts5(word, tokenize="{TOKENIZER}")')
        connection.execute("CREATE VIRTUAL TABLE tokens USING fts5vocab(words, 'instance')")
        connection.execute("INSERT INTO words VALUES (?)", (word,))
        (tokens,) = connection.execute("SELECT count(*) FROM tokens").fetchone()
    return bool(tokens == 1)
