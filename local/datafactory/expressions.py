"""Data Factory's expression language: `@pipeline().parameters.x`, `@{…}` inside a text, `?.`.

A text that begins with `@` is an expression. `@@` stands for a plain `@`. `@{…}` anywhere in a text is replaced by its
value. An unknown function or property is an error that names it.
Source: Microsoft's "Expressions and functions in Azure Data Factory".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from local.datafactory.failures import InvalidDefinitionError
from local.datafactory.functions import FUNCTIONS, text_of
from local.datafactory.json_values import Json, kind_of

type Source = Callable[[Sequence[Json]], Json]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>\?\.|\?\[|[().,\[\]]))"
)
_CONSTANTS: Mapping[str, Json] = {"true": True, "false": False, "null": None}


class _Token(NamedTuple):
    kind: str
    text: str


@dataclass(frozen=True)
class _Literal:
    value: Json


@dataclass(frozen=True)
class _Call:
    name: str
    arguments: tuple[_Node, ...]


@dataclass(frozen=True)
class _Member:
    owner: _Node
    key: _Node
    optional: bool


type _Node = _Literal | _Call | _Member


class Scope:
    """The functions that give an expression its values: `pipeline()`, `activity('…')`, `dataset()`."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = {name.lower(): source for name, source in sources.items()}

    def with_source(self, name: str, value: Json) -> Scope:
        """This scope with another function, which takes no arguments."""
        return Scope({**self._sources, name: lambda _arguments: value})

    def resolve(self, value: Json) -> Json:
        """The value with each expression in it, at any depth, replaced by its value."""
        match value:
            case str():
                return self.evaluate(value)
            case {"type": "Expression", "value": str(text), **rest} if not rest:
                return self.evaluate(text)
            case dict():
                return {key: self.resolve(item) for key, item in value.items()}
            case list():
                return [self.resolve(item) for item in value]
            case _:
                return value

    def evaluate(self, text: str) -> Json:
        """The value of a text that may contain expressions."""
        if text.startswith("@@"):
            return text[1:]
        if text.startswith("@") and not text.startswith("@{"):
            return self._value(_Parser(text[1:]).whole())
        return self._interpolated(text)

    def _interpolated(self, text: str) -> str:
        parts: list[str] = []
        position = 0
        while (begin := text.find("@{", position)) >= 0:
            if text[:begin].endswith("@"):  # @@{ is a plain @{
                parts.append(text[position : begin - 1] + "@{")
                position = begin + 2
                continue
            end = _closing_brace(text, begin + 2)
            parts += [text[position:begin], text_of(self._value(_Parser(text[begin + 2 : end]).whole()))]
            position = end + 1
        return "".join([*parts, text[position:]])

    def _value(self, node: _Node) -> Json:
        match node:
            case _Literal(value):
                return value
            case _Member(owner, key, optional):
                return _member(self._value(owner), self._value(key), optional)
            case _Call(name, arguments):
                return self._call(name, arguments)

    def _call(self, name: str, arguments: tuple[_Node, ...]) -> Json:
        lowered = name.lower()
        if lowered == "if":
            if len(arguments) != 3:  # noqa: PLR2004  # a condition and two values
                raise InvalidDefinitionError("The function 'if' expects 3 parameters.")
            condition = self._value(arguments[0])
            if not isinstance(condition, bool):
                raise InvalidDefinitionError(f"The function 'if' expects a Boolean first, got {kind_of(condition)}.")
            return self._value(arguments[1 if condition else 2])
        values = [self._value(argument) for argument in arguments]
        if lowered in self._sources:
            return self._sources[lowered](values)
        function = FUNCTIONS.get(lowered)
        if function is None:
            raise InvalidDefinitionError(f"The expression function '{name}' is not known to the local Data Factory.")
        return function(name, values)


def _member(owner: Json, key: Json, optional: bool) -> Json:  # noqa: FBT001  # the node has either `?.` or `.`
    if isinstance(owner, dict) and isinstance(key, str):
        if key in owner:
            return owner[key]
        if optional:
            return None
        known = ", ".join(owner) or "none"
        raise InvalidDefinitionError(f"The property '{key}' doesn't exist; available are: {known}.")
    if isinstance(owner, list) and isinstance(key, int) and not isinstance(key, bool):
        if -1 < key < len(owner):
            return owner[key]
        if optional:
            return None
        raise InvalidDefinitionError(f"The array has no index {key}; its length is {len(owner)}.")
    if owner is None and optional:
        return None
    raise InvalidDefinitionError(f"The property '{text_of(key)}' can't be selected from {kind_of(owner)}.")


def _closing_brace(text: str, position: int) -> int:
    quoted = False
    for index in range(position, len(text)):
        if text[index] == "'":
            quoted = not quoted
        elif text[index] == "}" and not quoted:
            return index
    raise InvalidDefinitionError(f"The expression in '{text}' has no closing brace.")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._position = 0

    def whole(self) -> _Node:
        node = self._node()
        if self._position < len(self._tokens):
            raise self._unexpected()
        return node

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        text = self._text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise InvalidDefinitionError(f"The expression '{self._text}' can't be read at: {text[position:]}")
            assert match.lastgroup is not None
            tokens.append(_Token(match.lastgroup, match[match.lastgroup]))
            position = match.end()
        return tokens

    def _node(self) -> _Node:
        node = self._primary()
        while (mark := self._mark()) in {".", "?.", "[", "?["}:
            self._position += 1
            optional = mark.startswith("?")
            if mark.endswith("."):
                node = _Member(node, _Literal(self._next("name").text), optional)
            else:
                node = _Member(node, self._node(), optional)
                self._expect("]")
        return node

    def _primary(self) -> _Node:
        token = self._next("text", "number", "name")
        if token.kind == "text":
            return _Literal(token.text[1:-1].replace("''", "'"))
        if token.kind == "number":
            return _Literal(float(token.text) if "." in token.text else int(token.text))
        if self._mark() == "(":
            self._position += 1
            return _Call(token.text, tuple(self._arguments()))
        if token.text.lower() in _CONSTANTS:
            return _Literal(_CONSTANTS[token.text.lower()])
        raise InvalidDefinitionError(f"The expression '{self._text}' has '{token.text}' where a function is expected.")

    def _arguments(self) -> list[_Node]:
        arguments: list[_Node] = []
        while self._mark() != ")":
            if arguments:
                self._expect(",")
            arguments.append(self._node())
        self._position += 1
        return arguments

    def _mark(self) -> str:
        if self._position < len(self._tokens) and self._tokens[self._position].kind == "mark":
            return self._tokens[self._position].text
        return ""

    def _next(self, *kinds: str) -> _Token:
        if self._position >= len(self._tokens) or self._tokens[self._position].kind not in kinds:
            raise self._unexpected()
        self._position += 1
        return self._tokens[self._position - 1]

    def _expect(self, mark: str) -> None:
        if self._mark() != mark:
            raise self._unexpected()
        self._position += 1

    def _unexpected(self) -> InvalidDefinitionError:
        found = self._tokens[self._position].text if self._position < len(self._tokens) else "its end"
        return InvalidDefinitionError(f"The expression '{self._text}' is not valid: unexpected {found}.")
