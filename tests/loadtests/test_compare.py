"""`make load-compare` from end to end, with few products: the page's figures are those of the raw files."""

from __future__ import annotations

import csv
import re
import shutil
import statistics
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from loadtests.figures import Requests
from testkit.processes import run_python

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison."""
    folder = tmp_path_factory.mktemp("compare")
    options = ("--profile", "write-mix", "--rows", "2000", "--seconds", "4", "--users", "6", "--out", str(folder))
    done = run_python("-m", "loadtests.compare", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def rows_of(folder: Path, run: str) -> list[dict[str, str]]:
    with (folder / run / "requests.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def shown_rows(folder: Path) -> dict[tuple[str, str], list[str]]:
    """The cells of the page's rows, by operation and run."""
    page = (folder / "index.html").read_text()
    cells = (re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr[^>]*><td>.*?</tr>", page, re.DOTALL))
    return {(name, run): figures for name, run, *figures in cells}


@pytest.mark.parametrize("run", ["off", "on"])
def test_the_pages_table_is_what_the_raw_file_says(compared: Path, run: str) -> None:
    rows, shown = rows_of(compared, run), shown_rows(compared)
    seconds = max(float(row["began"]) + float(row["milliseconds"]) / 1000 for row in rows) - min(
        float(row["began"]) for row in rows
    )
    for name in {row["operation"] for row in rows} | {"all"}:
        of_name = [row for row in rows if name in {row["operation"], "all"}]
        hundredths = statistics.quantiles((float(row["milliseconds"]) for row in of_name), n=100, method="inclusive")
        cached = [row["cache"] for row in of_name if row["cache"]]
        hits = f"{cached.count('HIT') / len(cached) * 100:.1f} %" if cached else "\u2013"
        assert shown[name, run] == [
            f"{len(of_name):,}",
            f"{len(of_name) / seconds:,.1f}",
            *(f"{hundredths[percent]:.1f}" for percent in (49, 94, 98)),
            hits,
            "0",
        ]


def test_the_charts_seconds_are_all_of_the_run(compared: Path) -> None:
    rows = rows_of(compared, "on")
    seconds = list(Requests(rows).over_time())
    began = Counter(int(float(row["began"]) - min(float(row["began"]) for row in rows)) for row in rows)
    assert {second.at: second.requests for second in seconds} == began


def test_one_run_had_no_cache_and_the_other_had(compared: Path) -> None:
    assert {row["cache"] for row in rows_of(compared, "off")} <= {"BYPASS", "MISS", ""}
    assert {"HIT", "MISS"} <= {row["cache"] for row in rows_of(compared, "on")}


def test_a_run_that_writes_reads_each_write_back(compared: Path) -> None:
    operations = {row["operation"] for row in rows_of(compared, "on")}
    assert {"insert_product", "update_product", "delete_product", "get_product", "list_products"} <= operations


def test_locusts_own_report_stands_beside(compared: Path) -> None:
    for run in ("off", "on"):
        assert "insert_product" in (compared / run / "report.html").read_text()


def opened(page: Path, profile: Path) -> subprocess.CompletedProcess[str]:
    """The page's DOM in Chromium, and the messages on its console."""
    command = (str(_CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom")
    return subprocess.run(
        [*command, f"--user-data-dir={profile}", page.as_uri()], capture_output=True, text=True, check=True, timeout=90
    )


@pytest.mark.skipif(_CHROMIUM is None, reason="Chromium isn't installed")
def test_the_page_opens_in_chromium_without_an_error_or_an_outside_request(compared: Path, tmp_path: Path) -> None:
    page = compared / "index.html"
    browser = opened(page, tmp_path / "profile")
    assert browser.stdout.count("<svg") == 4
    assert "CONSOLE" not in browser.stderr, browser.stderr
    # The page's policy forbids outside requests, so Chromium reports one on its console.
    spoiled = tmp_path / "spoiled.html"
    spoiled.write_text(page.read_text().replace("<h1>", '<img src="http://127.0.0.1:9/x.png"><h1>'))
    assert "Content Security Policy" in opened(spoiled, tmp_path / "profile").stderr
