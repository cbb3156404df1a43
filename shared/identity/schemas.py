"""Request and reply bodies: credentials, tokens, roles."""

from __future__ import annotations

from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic.config import JsonDict

from shared.identity.roles import Role

_SIGN_IN: JsonDict = {"example": {"email": "ada@example.com", "password": "correct horse battery"}}


def _address(text: str) -> str:
    try:
        # `test_environment` allows addresses of the top-level domain `test` (RFC 2606).
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise ValueError("Expected an e-mail address") from error


def _without_nul(secret: SecretStr) -> SecretStr:
    if "\0" in secret.get_secret_value():
        raise ValueError("Expected text without a NUL character")
    return secret


Email = Annotated[str, Field(max_length=254, examples=["ada@example.com"]), AfterValidator(_address)]
NewPassword = Annotated[SecretStr, Field(min_length=8, max_length=64), AfterValidator(_without_nul)]
# A password that was set on Firebase's own page (6 to 4,096 characters) is accepted at log-in.
Password = Annotated[SecretStr, Field(min_length=1, max_length=4096), AfterValidator(_without_nul)]
RefreshToken = Annotated[SecretStr, Field(min_length=1, max_length=8192), AfterValidator(_without_nul)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class SignUp(_Body):
    """A new user without a role; only set_role gives one."""

    model_config = ConfigDict(json_schema_extra=_SIGN_IN)

    email: Email
    password: NewPassword


class LogIn(_Body):
    """A user's e-mail and password."""

    model_config = ConfigDict(json_schema_extra=_SIGN_IN)

    email: Email
    password: Password


class Refresh(_Body):
    """The refresh token of log_in or refresh_token."""

    refresh_token: RefreshToken


class PasswordReset(_Body):
    """The e-mail address of the user whose password to reset."""

    email: Email


class NewRole(_Body):
    """The role from the user's next ID token on; null removes it."""

    model_config = ConfigDict(json_schema_extra={"example": {"role": "editor"}})

    role: Role | None


class SignedUp(BaseModel):
    """The user who has signed up."""

    uid: str
    email: str


class Tokens(BaseModel):
    """An ID token for `Authorization: Bearer …`, and the refresh token that gets the next one."""

    id_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    expires_in: int = Field(description="Seconds that the ID token is valid.", examples=[3600])


class LoggedIn(Tokens):
    """Tokens and their user."""

    uid: str
    email: str
    role: Role | None
