"""The parameters of pipelines and datasets."""

from __future__ import annotations

from collections.abc import Mapping

from local.datafactory.definitions import ParameterSpecification
from local.datafactory.failures import InvalidDefinitionError
from local.datafactory.json_values import Json, kind_of

_KINDS = {"string": "String", "int": "Integer", "bool": "Boolean"}


def parameters_of(
    specifications: Mapping[str, ParameterSpecification], given: Mapping[str, Json], owner: str
) -> dict[str, Json]:
    """The values of all parameters: given ones and defaults.

    Raises InvalidDefinitionError for a parameter that is missing, unknown or of another type.
    """
    unknown = set(given) - set(specifications)
    if unknown:
        raise InvalidDefinitionError(f"The {owner} has no parameter '{min(unknown)}'.")
    values: dict[str, Json] = {}
    for name, specification in specifications.items():
        value = given.get(name, specification.default_value)
        if value is None:
            raise InvalidDefinitionError(f"The parameter '{name}' of {owner} was not given.")
        expected = _KINDS[specification.type.lower()]
        if kind_of(value) != expected:
            raise InvalidDefinitionError(f"The parameter '{name}' of {owner} expects {expected}, got {kind_of(value)}.")
        values[name] = value
    return values
