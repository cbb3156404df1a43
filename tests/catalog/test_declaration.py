"""The declaration of a model: what it says about each field, and which model is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from shared.catalog.declaration import CsvColumn, Declared, Text, TwoDecimals, declared
from shared.catalog.schemas import NewProduct, ProductPatch


class Example(BaseModel):
    name: Annotated[str, Text(5), CsvColumn("Name", mandatory=True, column="example_name")]
    rate: Annotated[Annotated[Decimal, TwoDecimals(Decimal(2))] | None, CsvColumn("Rate")] = None


def test_a_field_s_column_rule_and_default_are_read_from_its_annotation() -> None:
    assert declared(Example) == (
        Declared("name", "example_name", "Name", True, Text(5), False, True, None),  # noqa: FBT003
        Declared("rate", "rate", "Rate", False, TwoDecimals(Decimal(2)), True, False, None),  # noqa: FBT003
    )


def test_a_rule_checks_the_values_of_the_api() -> None:
    for values in ({"name": ""}, {"name": "x" * 6}, {"name": "\0"}, {"name": "x", "rate": 3}):
        with pytest.raises(ValidationError):
            Example.model_validate(values)
    with pytest.raises(ValidationError, match="Expected at most two decimals"):
        Example.model_validate({"name": "x", "rate": Decimal("0.001")})


def test_a_field_without_a_csv_column_or_a_rule_is_refused_by_name() -> None:
    class WithoutColumn(BaseModel):
        name: Annotated[str, Text(5)]

    class WithoutRule(BaseModel):
        name: Annotated[str, CsvColumn("Name")]

    for model in (WithoutColumn, WithoutRule):
        with pytest.raises(TypeError, match="name: expected a CsvColumn and a rule"):
            declared(model)


def test_a_patch_has_all_fields_of_a_product_but_its_key_and_requires_none() -> None:
    assert list(ProductPatch.model_fields) == [name for name in NewProduct.model_fields if name != "asin"]
    assert ProductPatch.model_validate({}).model_fields_set == set()
