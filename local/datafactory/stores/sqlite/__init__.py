"""SQLite as Copy's sink and as the place of procedures: a staging file per run, beside the catalog.

Three copies of SQLite's library work on these files: ADBC's, which takes whole columns, APSW's, the newest one, which
merges, and Python's, which serves the API. The POSIX locks that a process has on a file are lost when any of its
libraries closes that file. So APSW's is alone in the process of a merge (`process`), and in the factory's own
Python's makes a run's staging file and closes it, before ADBC has it during Copy, and nothing else.
"""
