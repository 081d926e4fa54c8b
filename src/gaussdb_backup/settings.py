"""The environment as checked settings, or the name of the variable that is wrong."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SecretStr,
    ValidationError,
)

from gaussdb_backup.errors import ConfigurationError, InvalidRequest
from gaussdb_backup.http_client.transport import is_loopback
from gaussdb_backup.log_settings import hidden_output, malformed_variables
from gaussdb_backup.payload_models import ACTIONS, DIRECT_ONLY, CreatePayload, InstanceId
from gaussdb_backup.payload_validation import parse_json, payload_fields, validate_payload

if TYPE_CHECKING:
    from gaussdb_backup.retention_policy import RetentionPolicy

DEFAULT_SERVICE = "gaussdb-backup"

_ENDPOINT = re.compile(r"https?://[\w.:\[\]-]+(/[\w./-]*)?", re.ASCII | re.IGNORECASE)
_NO_ENDPOINT = "must be https://HOST and nothing more"
_FIELDS_OF_ONE_RUN = ("idempotency_key", "scheduled_time", "name")


def _endpoint(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(_NO_ENDPOINT) from None  # Python's message shows the value
    if not _ENDPOINT.fullmatch(url) or not parts.hostname or port == 0:
        raise ValueError(_NO_ENDPOINT)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ValueError("must be https, or http to a loopback host")
    return url.rstrip("/").removesuffix("/v3")


def _comma_separated(text: object) -> object:
    return [part.strip() for part in text.split(",")] if isinstance(text, str) else text


def _payload(text: object) -> JsonValue:
    """The payload of scheduled events, checked. Its backups must not all have the same name."""
    try:
        payload = parse_json(str(text))
        present = payload_fields(payload)
        fields = validate_payload(present, ACTIONS - DIRECT_ONLY)
    except InvalidRequest as error:
        raise ValueError(error.detail) from None
    fixed = [name for name in _FIELDS_OF_ONE_RUN if name in present]
    if isinstance(fields, CreatePayload) and fixed:
        raise ValueError(f"/{fixed[0]} would give the backups of all runs one name")
    return payload


def _retention(text: object) -> "RetentionPolicy":
    # imported where it is set: a deployment without retention does not pay for it
    from gaussdb_backup.retention_policy import read_policy

    return read_policy(str(text))


Endpoint = Annotated[str, AfterValidator(_endpoint)]
SecretId = Annotated[str, Field(pattern=r"^[!-~]+$", max_length=2048)]


class Settings(BaseModel):
    """The variables that the function reads; the README has them in a table.

    ``hidden_output`` is no variable: it says what others keep out of logs and metrics.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    GAUSSDB_ENDPOINT: Endpoint
    CREDENTIALS_SECRET_ID: SecretId
    IAM_ENDPOINT: Endpoint | None = None
    PROJECT_ID: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    WEBHOOK_SECRET_ID: SecretId | None = None
    ALLOWED_INSTANCES: (
        Annotated[frozenset[InstanceId], BeforeValidator(_comma_separated)] | None
    ) = None
    # Any: _payload has checked it, and a schema of all JSON takes as long to build as the rest
    DEFAULT_PAYLOAD: Annotated[Any, BeforeValidator(_payload)] = None
    RETENTION_SECRET_ID: SecretId | None = None
    # Any: _retention has made a RetentionPolicy of it, whose module is imported where it is needed
    RETENTION: Annotated[Any, BeforeValidator(_retention)] = None
    PARAMETERS_SECRETS_EXTENSION_HTTP_PORT: Annotated[int, Field(ge=1, le=65535)] = 2773
    AWS_SESSION_TOKEN: SecretStr = SecretStr("")
    AWS_CONTAINER_AUTHORIZATION_TOKEN: SecretStr = SecretStr("")
    # the value of a dimension of CloudWatch, which leaves out one that it does not take
    POWERTOOLS_SERVICE_NAME: Annotated[str, Field(pattern=r"^[!-~]([ -~]{0,253}[!-~])?$")] = (
        DEFAULT_SERVICE
    )
    hidden_output: str | None = None

    def extension_token(self) -> str:
        """What the secrets extension wants to see; under SnapStart the second is the one."""
        return (
            self.AWS_SESSION_TOKEN.get_secret_value()
            or self.AWS_CONTAINER_AUTHORIZATION_TOKEN.get_secret_value()
        )


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment. An empty variable counts as absent.

    Raises:
        ConfigurationError: in one line, the variables that are missing or malformed.
    """
    present = {name: environment[name] for name in Settings.model_fields if environment.get(name)}
    lines = malformed_variables(environment)
    try:
        settings = Settings.model_validate(
            {**present, "hidden_output": None if lines else hidden_output(environment)}
        )
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        lines += [f"{fault['loc'][0]}: {_fault(fault['type'], fault['msg'])}" for fault in faults]
        raise ConfigurationError("; ".join(lines)) from None
    if lines:
        raise ConfigurationError("; ".join(lines))
    _demand_second_secret(settings)
    return settings


def _demand_second_secret(settings: Settings) -> None:
    """Deleting takes a cloud user of its own, because the one that creates must not delete."""
    if settings.RETENTION is None or settings.RETENTION.mode != "delete":
        return
    if settings.RETENTION_SECRET_ID is None:
        raise ConfigurationError("RETENTION_SECRET_ID: is missing, and RETENTION says delete")
    if _may_be_same(settings.RETENTION_SECRET_ID, settings.CREDENTIALS_SECRET_ID):
        raise ConfigurationError(
            "RETENTION_SECRET_ID: must be another secret than CREDENTIALS_SECRET_ID"
        )


def _may_be_same(one: str, other: str) -> bool:
    """Whether two names or ARNs may be those of one secret; AWS ends an ARN in six letters."""
    account, _, name = one.rpartition(":secret:")
    other_account, _, other_name = other.rpartition(":secret:")
    if account and other_account and account != other_account:
        return False
    is_longer = account and re.fullmatch(f"{re.escape(other_name)}-[A-Za-z0-9]{{6}}", name)
    is_shorter = other_account and re.fullmatch(f"{re.escape(name)}-[A-Za-z0-9]{{6}}", other_name)
    return name == other_name or bool(is_longer or is_shorter)


def _fault(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    return message.removeprefix("Value error, ") if kind == "value_error" else "is malformed"
