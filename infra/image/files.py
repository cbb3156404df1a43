"""`python -m infra.image.files FOLDER`: compares the files in an image's app folder with the intended ones.

Intended are host.json, function_app.py, the files of shared/ in git, their bytecode, and the packages of
requirements.txt.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

_PACKAGES = ".python_packages/lib/site-packages"
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def main(app: Path) -> None:
    """Prints the differences and exits with 1, or prints how much was compared."""
    own = set(own_files(app))
    intended = set(intended_files())
    packages = dict(installed(app / _PACKAGES))
    locked = dict(locked_packages(Path("requirements.txt").read_text()))
    # Packages of the lock may be missing: some are for other platforms.
    findings = [
        *(f"not meant to be in the image: {name}" for name in sorted(own - intended)),
        *(f"missing in the image: {name}" for name in sorted(intended - own)),
        *(f"package not in the lock: {name} {version}" for name, version in sorted(packages.items() - locked.items())),
    ]
    if findings:
        sys.exit("\n".join(findings))
    print(f"Files: {len(own)} of the app and {len(packages)} packages, as intended.")


def own_files(app: Path) -> Iterable[str]:
    """The files in the image without packages and bytecode."""
    for path in app.rglob("*"):
        name = path.relative_to(app).as_posix()
        if path.is_file() and not name.startswith(_PACKAGES) and path.suffix != ".pyc":
            yield name


def intended_files() -> Iterable[str]:
    """The files that the Dockerfile copies and that git tracks or doesn't ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "host.json", "function_app.py", "shared"],
        check=True,
        capture_output=True,
        text=True,
    )
    return (name for name in listed.stdout.splitlines() if Path(name).exists())


def installed(site_packages: Path) -> Iterable[tuple[str, str]]:
    """The names and versions of the packages in a folder."""
    for distribution in distributions(path=[str(site_packages)]):
        yield _normalized(distribution.name), distribution.version


def locked_packages(requirements: str) -> Iterable[tuple[str, str]]:
    """The names and versions of the packages in a lock file."""
    for name, version in _REQUIREMENT.findall(requirements):
        yield _normalized(name), version


def _normalized(name: str) -> str:
    """The normalized name of a package (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
