"""The T-SQL that makes Azure SQL's users."""

from __future__ import annotations

import pytest

from shared.database.mssql.access import Identity, statements

_APP = Identity("id-app-x", "00112233-4455-6677-8899-aabbccddeeff")
_FACTORY = Identity("adf-x", "11111111-2222-4333-8444-555555555555")


def test_an_identity_is_written_in_the_byte_order_of_windows() -> None:
    # As .NET's Guid.ToByteArray gives it.
    assert _APP.sid == "0x33221100554477668899AABBCCDDEEFF"


def test_both_users_are_made_by_sid_and_given_one_role_each() -> None:
    made = list(statements(_APP, _FACTORY))
    for identity, role in ((_APP, "catalog_app"), (_FACTORY, "catalog_factory")):
        creation = f"CREATE USER [{identity.name}] WITH SID = {identity.sid}, TYPE = E"
        assert sum(creation in statement for statement in made) == 1
        assert f"ALTER ROLE [{role}] ADD MEMBER [{identity.name}]" in made


def _grants() -> list[str]:
    lines = "\n".join(statements(_APP, _FACTORY)).splitlines()
    return [line.removesuffix(";") for line in lines if line.startswith("GRANT")]


def test_nobody_may_change_the_schema() -> None:
    granted = _grants()
    assert granted
    for word in ("ALTER", "CONTROL", "REFERENCES", "CREATE", "db_owner", "db_ddladmin"):
        assert not any(word in statement for statement in granted)


def test_the_factory_sees_staging_and_procedures_alone() -> None:
    assert [grant for grant in _grants() if grant.endswith("TO [catalog_factory]")] == [
        "GRANT SELECT, INSERT, DELETE ON OBJECT::[import].[products_staging] TO [catalog_factory]",
        "GRANT SELECT, INSERT, DELETE ON OBJECT::[import].[categories_staging] TO [catalog_factory]",
        "GRANT EXECUTE ON SCHEMA::[import] TO [catalog_factory]",
    ]


def test_nobody_else_runs_the_merges() -> None:
    assert [grant for grant in _grants() if "EXECUTE" in grant] == [
        "GRANT EXECUTE ON SCHEMA::[import] TO [catalog_factory]"
    ]


@pytest.mark.parametrize("name", ["", "x]; DROP TABLE products; --", "a'b", "[x]", "-x"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="Not the name"):
        Identity(name, _APP.client_id)


def test_an_id_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="UUID"):
        Identity("x", "1; DROP TABLE products")
