"""Console output: each service's log lines with its name in color, and the supervisor's own messages."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

# The length of the longest names, `factory` and `host-10`, and one more.
_NAME_WIDTH = 8
_OWN_NAME = "local"
_STYLES = {"blob": "blue", "queue": "blue", "redis": "red", "auth": "yellow", "factory": "magenta", _OWN_NAME: "bold"}
_HOST_STYLE = "green"


class Terminal:
    """Standard output."""

    def __init__(self) -> None:
        # Lines are not wrapped, so that you can search and copy them.
        self._console = Console(highlight=False, markup=False, soft_wrap=True)

    def show(self, name: str, line: str) -> None:
        """Prints a line of a service's log."""
        label = Text(f"{name:>{_NAME_WIDTH}} │ ", style=_STYLES.get(name, _HOST_STYLE))
        self._console.print(label + Text.from_ansi(line))

    def say(self, message: str) -> None:
        """Prints a message of the supervisor."""
        self.show(_OWN_NAME, message)

    def table(self, rows: dict[str, str]) -> None:
        """Prints one name and its value a line; values are not wrapped."""
        width = max(map(len, rows)) + 2
        for name, value in rows.items():
            self._console.print(Text(f"  {name:<{width}}", style="bold") + Text(value))
