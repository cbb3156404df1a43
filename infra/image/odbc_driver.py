"""Stops the build of the image if the ODBC driver for Azure SQL is missing or can't be loaded."""

from __future__ import annotations

import sys

import pyodbc

# The SQLSTATE of a driver that was loaded and found no server on the port.
_NO_SERVER = {"08001", "HYT00"}
_CLOSED_PORT = "Driver={ODBC Driver 18 for SQL Server};Server=tcp:127.0.0.1,1;Encrypt=yes"

try:
    pyodbc.connect(_CLOSED_PORT, timeout=1)
except pyodbc.Error as error:
    if error.args[0] not in _NO_SERVER:
        sys.exit(f"ODBC Driver 18 for SQL Server can't be loaded in this base image: {error}")
