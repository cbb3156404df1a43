"""Run while the image is built: stops the build where Azure SQL's driver isn't there or can't be loaded."""

from __future__ import annotations

import sys

import pyodbc

# SQLSTATE of a driver that was loaded, asked for a server on a port where nothing listens, and found none.
_NO_SERVER = {"08001", "HYT00"}
_NOWHERE = "Driver={ODBC Driver 18 for SQL Server};Server=tcp:127.0.0.1,1;Encrypt=yes"

try:
    pyodbc.connect(_NOWHERE, timeout=1)
except pyodbc.Error as error:
    if error.args[0] not in _NO_SERVER:
        sys.exit(f"ODBC Driver 18 for SQL Server can't be loaded in this base image: {error}")
