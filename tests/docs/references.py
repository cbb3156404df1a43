"""What the documentation names: paths, names, make targets, modules, API operations, links, and which don't exist."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from local import PROJECT
from shared.operations import OPERATIONS, PREFIX
from shared.settings import Settings

# Names of Azure, of databases and of libraries, which no file of the project mentions.
NAMES_OF_OTHERS = frozenset(
    {
        "CONTAINS",
        "provisioningState",
        "AzureADTokenExchange",
        "KEYVAULT",
        "FUNCTIONS_WORKER_PROCESS_COUNT",
        "virtualNetworkSubnetId",
        "productName",
        "ADFActivityRun",
        "ADFPipelineRun",
        "ActivityName",
        "AppRequests",
        "AppServiceConsoleLogs",
        "AppServicePlatformLogs",
        "AsgiFunctionApp",
        "AzureDiagnostics",
        "CallerIpAddress",
        "ErrorMessage",
        "InputStream",
        "ItemCount",
        "MICROSOFT",
        "NextPageLink",
        "OperationName",
        "PipelineRunId",
        "ResourceProvider",
        "RunId",
        "STOPLIST",
        "StatusText",
        "StorageBlobLogs",
        "TasksOperationsNotAllowed",
        "armRegionName",
        "currencyCode",
        "delete_match",
        "meterName",
        "priceType",
        "retailPrice",
        "serviceName",
        "skuName",
        "sp_datatype_info_100",
        "time_desc",
        "unitOfMeasure",
    }
)
# Files that a reader makes, or that a command writes.
FILES_OF_OTHERS = frozenset({"amazon_products.csv", "key.json", "new.json", "requests.csv"})
# What the recipes add to the project: files, and the last part of their names.
MADE_BY_RECIPES = re.compile(r"(?:shared|tests)/reviews[/.]?\S*|\S*_(?:reviews?|brand)(?:\.py)?|\w*Review\w*")

_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", ".git", ".venv", ".local"})
_WRITTEN_FOLDERS = (".local", ".venv")
_EXTENSIONS = ("bicep", "csv", "in", "json", "kql", "md", "py", "sh", "sql", "toml", "txt", "yml")
_FENCED = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
# Info strings of blocks: what a command printed, in which nothing is looked up, and code that the reader adds.
_OUTPUT, _NEW_CODE = "text", "python"
_INLINE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[A-Za-z0-9]+_\w+|[A-Z][a-z0-9]+[A-Z]\w*|[a-z]+[A-Z]\w*|[A-Z]{5,}")
_TOKEN = re.compile(r"[^\s'\"()=,;|&$`]+")
_MAKE = re.compile(r"\bmake ((?:-\S+ )*)([a-z][a-z-]*)")
_MODULE = re.compile(r"python3? -m ([\w.]+)((?: (?!#)\S+)*)")
_REQUEST = re.compile(
    rf"(?<![\w.])(?:\b(GET|HEAD|POST|PUT|PATCH|DELETE) )?(?:http://127\.0\.0\.1:\d+|\$API|\$URL)?({PREFIX}/[\w/{{}}-]+)"
)
_IMPORT = re.compile(r"^ *from ((?:local|shared|testkit|tests)[\w.]*) import ([\w, ]+)$", re.MULTILINE)
_OF_DOCS = re.compile(r"\b(docs/[\w/-]+\.md)(?:, \"([^\"]+)\")?")


@dataclass(frozen=True)
class Page:
    """A page of the documentation; `folder` is where its relative links begin."""

    text: str
    folder: Path

    @classmethod
    def of(cls, path: Path) -> Page:
        return cls(path.read_text(encoding="utf-8"), path.parent)

    @functools.cached_property
    def prose(self) -> str:
        """The text without its fenced blocks."""
        return _FENCED.sub("", self.text)

    @functools.cached_property
    def code(self) -> list[str]:
        """Fenced blocks and inline code, each on one line or on its own lines."""
        inline = [" ".join(code.split()) for code in _INLINE.findall(self.prose)]
        blocks = [block for kind, block in _FENCED.findall(self.text) if kind not in {_OUTPUT, _NEW_CODE}]
        return [block.replace("\\\n", " ") for block in blocks] + inline

    @property
    def new_code(self) -> str:
        """The Python code that the reader adds to the project."""
        return "\n".join(block for kind, block in _FENCED.findall(self.text) if kind == _NEW_CODE)

    @property
    def anchors(self) -> set[str]:
        """The anchors of its headings, as GitHub makes them."""
        headings = (heading.replace("`", "") for heading in _HEADING.findall(self.prose))
        return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def pages() -> list[Path]:
    """All pages: the README and what is below docs/."""
    return [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]


@functools.cache
def files() -> frozenset[str]:
    """The project's files, by their paths in it."""
    found = []
    for folder, below, names in os.walk(PROJECT):
        below[:] = [name for name in below if name not in _SKIPPED_FOLDERS and not name.endswith("_cache")]
        found += [Path(folder, name).relative_to(PROJECT).as_posix() for name in names]
    return frozenset(found)


@functools.cache
def _endings() -> frozenset[str]:
    """Each path of the project and all that it ends in (`catalog/paging.py`); folders with a slash behind them."""
    folders = {parent for file in files() for parent in PurePosixPath(file).parents}
    paths = [*(PurePosixPath(file).parts for file in files()), *((*folder.parts, "") for folder in folders)]
    return frozenset("/".join(parts[begin:]) for parts in paths for begin in range(len(parts)))


def _is_path_of_project(path: str) -> bool:
    """Whether a file or folder has this path or pattern, or ends in it."""
    if "*" in path:
        return any(PurePosixPath(file).match(path) for file in files())
    return path in _endings() or f"{path}/" in _endings()


@functools.cache
def _words_of_code() -> frozenset[str]:
    """All words of the project's files but its documentation, and the settings' names."""
    words = {name.upper() for name in Settings.model_fields}
    for file in files():
        if file == "README.md" or file.startswith(("docs/", "tests/docs/")) or file.endswith((".png", "lock.json")):
            continue
        words.update(_WORD.findall((PROJECT / file).read_text(encoding="utf-8", errors="ignore")))
        words.update(_WORD.findall(Path(file).stem))
    return frozenset(words)


@functools.cache
def make_targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def broken_links(page: Page) -> Iterator[str]:
    """Links to pages, files and headings that don't exist."""
    for link in _LINK.findall(page.prose):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = page.folder / name if name else None
        exists = target is None or target.exists()
        if not exists or (anchor and anchor not in (Page.of(target) if target else page).anchors):
            yield link


def broken_paths(page: Page) -> Iterator[str]:
    """Paths of files, folders and tests that don't exist."""
    for code in page.code:
        for token in _TOKEN.findall(code):
            path, _, test = token.rstrip(".:").removeprefix("./").partition("::")
            if not _looks_like_path(path) or path in FILES_OF_OTHERS or MADE_BY_RECIPES.fullmatch(path):
                continue
            exists = _is_path_of_project(path) or (page.folder / path).exists()
            if not exists or (test and f"def {test}(" not in (PROJECT / path).read_text(encoding="utf-8")):
                yield token


def _looks_like_path(token: str) -> bool:
    if re.search(r"[<>…@{}\[\]:]", token) or token.startswith(("/", "-", "~", *_WRITTEN_FOLDERS)):
        return False
    first = token.partition("/")[0]
    has_extension = re.search(rf"\w\.({'|'.join(_EXTENSIONS)})$", token) is not None
    return has_extension or ("/" in token and (token.endswith("/") or (PROJECT / first).is_dir()))


def broken_names(page: Page) -> Iterator[str]:
    """Names of classes, functions, settings, tables and figures that no file has."""
    for code in page.code:
        if re.search(r"python3? -c", code):
            continue
        for word in _WORD.findall(re.sub(r"https?://\S+", "", code)):
            is_name = _NAME.fullmatch(word) and not MADE_BY_RECIPES.fullmatch(word)
            if is_name and word not in _words_of_code() and word not in NAMES_OF_OTHERS:
                yield word


def broken_make_targets(page: Page) -> Iterator[str]:
    """Targets that the Makefile lacks."""
    for code in page.code:
        for _, target in _MAKE.findall(code):
            if target not in make_targets():
                yield f"make {target}"


def broken_modules(page: Page) -> Iterator[str]:
    """Modules behind `python -m` that don't exist, and options that they don't take."""
    for code in page.code:
        for name, arguments in _MODULE.findall(code):
            path = PROJECT / name.replace(".", "/")
            sources = [path.with_suffix(".py")] if path.with_suffix(".py").exists() else sorted(path.glob("*.py"))
            if not path.with_suffix(".py").exists() and not (path / "__main__.py").exists():
                yield name
            text = "".join(source.read_text(encoding="utf-8") for source in sources)
            yield from (f"{name} {option}" for option in re.findall(r"--[a-z-]+", arguments) if option not in text)


def broken_imports(page: Page) -> Iterator[str]:
    """What the code that the reader adds imports of the project and what doesn't exist."""
    for module, names in _IMPORT.findall(page.new_code):
        path = f"{module.replace('.', '/')}.py"
        if MADE_BY_RECIPES.fullmatch(path):
            continue
        for name in names.split(", "):
            as_module = f"{module.replace('.', '/')}/{name}.py"
            text = (PROJECT / path).read_text(encoding="utf-8") if path in files() else ""
            if as_module not in files() and not re.search(rf"\b{name}\b", text):
                yield f"{module}.{name}"


def broken_requests(page: Page) -> Iterator[str]:
    """Requests to the API that are no operation of it."""
    for code in page.code:
        for method, path in _REQUEST.findall(code):
            if not _is_operation(method, path.removeprefix(PREFIX).rstrip("/")):
                yield f"{method} {path}".strip()


def _is_operation(method: str, path: str) -> bool:
    if path == "/docs" or path.startswith("/docs/"):
        return True
    below = any(operation.path.startswith(f"{path}/") for operation in OPERATIONS)
    return (not method and below) or any(
        re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", operation.path), path) and (not method or method in operation.methods)
        for operation in OPERATIONS
    )


CHECKS: tuple[Callable[[Page], Iterator[str]], ...] = (
    broken_links,
    broken_paths,
    broken_names,
    broken_make_targets,
    broken_modules,
    broken_imports,
    broken_requests,
)


def broken_references_to_docs(text: str) -> Iterator[str]:
    """Pages, and headings in them, that a file of the code names and that don't exist."""
    for name, heading in _OF_DOCS.findall(text):
        path = PROJECT / name
        if not path.exists():
            yield name
        elif heading and heading not in _HEADING.findall(path.read_text(encoding="utf-8")):
            yield f'{name}, "{heading}"'
