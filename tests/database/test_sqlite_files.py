"""SQLite files that several processes open."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from shared.database.sqlite import engines


def test_who_opens_a_new_file_waits_for_another_who_does(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.commit)
    release.start()
    connection = sqlite3.connect(path, timeout=60)
    engines.prepare_connection(connection)
    release.join()
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    other.close()
