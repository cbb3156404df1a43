"""SQLite as Copy's sink and as the place of stored procedures: each run has a staging file beside the catalog.

Three copies of SQLite's library use these files: ADBC's writes whole columns, APSW's (the newest one) merges, and
Python's serves the API. A process loses its POSIX locks on a file when any of its libraries closes that file. So APSW's
library is alone in the process of a merge (`process`). In the factory's process, Python's library creates a run's
staging file and closes it before ADBC opens it for Copy; neither opens another file.
"""
