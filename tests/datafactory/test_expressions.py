"""Expressions mean what they mean in Data Factory, and what isn't known is named."""

from __future__ import annotations

import pytest

from local.datafactory.expressions import Scope
from local.datafactory.failures import InvalidDefinitionError
from local.datafactory.json_values import Json

SCOPE = Scope(
    {
        "pipeline": lambda _arguments: {"parameters": {"x": "a", "n": 3}, "RunId": "r1"},
        "activity": lambda arguments: {"output": {"rowsCopied": 7, "list": [1, 2], "none": None}, "of": arguments[0]},
        "dataset": lambda _arguments: {"x": "d"},
    }
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("@pipeline().parameters.x", "a"),
        ("@PIPELINE().RunId", "r1"),
        ("@pipeline().parameters['n']", 3),
        ("@activity('A').output.rowsCopied", 7),
        ("@activity('It''s').of", "It's"),
        ("@activity('A').output.list[1]", 2),
        ("@activity('A').output?.absent", None),
        ("@activity('A').output?.absent?.deeper", None),
        ("@activity('A').output.none?.deeper", None),
        ("@coalesce(activity('A').output?.absent, 0)", 0),
        ("@dataset().x", "d"),
        ("@@literal", "@literal"),
        ("@{pipeline().parameters.x}", "a"),
        ("a-@{pipeline().parameters.n}-@{'}'}-z", "a-3-}-z"),
        ("mail@@{x}", "mail@{x}"),
        ("me@example.org", "me@example.org"),
        ("@concat('a', 1, true, null)", "a1True"),
        ("@if(equals(pipeline().parameters.n, 3), 'yes', json('not evaluated'))", "yes"),
        ("@if(less(1, 2), 1, 2)", 1),
        ("@string(json('{\"a\":[1,2]}'))", '{"a":[1,2]}'),
        ("@int('42')", 42),
        ("@add(1, mul(2, 3))", 7),
        ("@sub(1, 2)", -1),
        ("@and(true, not(false))", True),
        ("@or(false, greaterOrEquals(2, 2))", True),
        ("@greater('b', 'a')", True),
        ("@length('abc')", 3),
        ("@empty('')", True),
        ("@contains('abc', 'b')", True),
        ("@startsWith('Abc', 'a')", True),
        ("@endsWith('abc', 'C')", True),
        ("@replace('a.b', '.', '-')", "a-b"),
        ("@split('a,b', ',')", ["a", "b"]),
        ("@toUpper(trim(' a '))", "A"),
        ("@toLower('A')", "a"),
        ("@bool('true')", True),
        ("@equals(1, true)", False),
    ],
)
def test_value(text: str, value: Json) -> None:
    found = SCOPE.evaluate(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("@ticks('x')", "function 'ticks'"),
        ("@pipeline().parameters.y", "property 'y'"),
        ("@activity('A').output.none.deeper", "'deeper' can't be selected from Null"),
        ("@activity('A').output.list[9]", "no index 9"),
        ("@variables('v')", "function 'variables'"),
        ("@concat('a'", "unexpected its end"),
        ("@concat('a',, 'b')", "unexpected ,"),
        ("@pipeline().parameters.x y", "unexpected y"),
        ("@x", "'x' where a function is expected"),
        ("@{concat('a')", "no closing brace"),
        ("@if('a', 1, 2)", "'if' expects a Boolean"),
        ("@add('1', 2)", "'add' expects two numbers"),
        ("@json('{')", "'json' can't read"),
        ("@utcNow('yyyy')", "'utcNow' expects no parameters"),
        ("@pipeline().parameters.x + 1", "can't be read at"),
    ],
)
def test_what_is_not_known_is_named(text: str, named: str) -> None:
    with pytest.raises(InvalidDefinitionError) as error:
        SCOPE.evaluate(text)
    assert named in str(error.value)


def test_expressions_are_resolved_at_any_depth() -> None:
    value: Json = {"a": [{"value": "@pipeline().parameters.x", "type": "Expression"}], "b": 1}
    assert SCOPE.resolve(value) == {"a": ["a"], "b": 1}
