"""The error codes of the cloud, and the error of this package that each one becomes.

Sources: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Error Codes" and "Status Codes";
"API Gateway", "Error Codes"; for codes that those pages lack, the retry lists of Huawei's Terraform
provider and the error pages of the sister services DDS and GeminiDB. The gateway's prefix differs
between products (``APIGW.``, ``APIG.``), so its codes are matched by their four digits.

In a meaning, ``{part}`` stands for the part of the cloud that responded.
"""

from collections.abc import Mapping
from typing import Final

from gaussdb_backup.errors import (
    BackupError,
    BackupNotFound,
    CredentialsRejected,
    InstanceBusy,
    InstanceNotFound,
    InstanceNotReady,
    InvalidRequest,
    NameTaken,
    PermissionDenied,
    RequestRejected,
    ServiceUnavailable,
    Throttled,
)

Meaning = tuple[type[BackupError], str]


def _row(error: type[BackupError], meaning: str, codes: str) -> dict[str, Meaning]:
    return dict.fromkeys(codes.split(), (error, meaning))


# Many codes share one meaning, some with different statuses: within a row all count alike.
SERVICE_CODES: Final[Mapping[str, Meaning]] = {
    **_row(InvalidRequest, "{part} finds the instance ID malformed", "280404"),
    **_row(InvalidRequest, "{part} finds the backup name malformed", "201210"),
    **_row(InvalidRequest, "{part} finds the description malformed", "280127"),
    **_row(
        RequestRejected,
        "{part} finds a parameter wrong or missing",
        "280001 280006 200001 200004 200006 200405 290000 290001 06010013 280124 201004 280439 "
        "280440 280253 201103 280216 280416 200543",
    ),
    **_row(RequestRejected, "{part} finds the project ID malformed", "280408"),
    **_row(
        InstanceNotFound,
        "{part} knows no such instance",
        "201028 280022 200002 200045 200602 290005 290011 200203",
    ),
    **_row(
        PermissionDenied,
        "the credentials may not do this to this instance",
        "201003 280015 200044 200010 200604 216003",
    ),
    **_row(PermissionDenied, "the account is restricted", "280020"),
    **_row(CredentialsRejected, "{part} refuses the token", "280056"),
    **_row(
        InstanceNotReady,
        "the state of the instance forbids a backup",
        "201014 200086 280800 06010001 280406 280011 200408 201204 200998",
    ),
    **_row(InstanceNotReady, "the storage of the instance is full", "200316"),
    **_row(InstanceNotReady, "the instance is frozen", "280449"),
    **_row(
        InstanceBusy,
        "another operation is running on the instance",
        "201202 200011 200019 200047 212006 06020003 201015 216011 05000084 200018 200076 200080 "
        "200463 200611 201206 212033 280343 280816 280228 01010337 01280030 201000",
    ),
    **_row(InstanceBusy, "a backup of the instance is running", "201205"),
    **_row(NameTaken, "a backup of this name exists", "201201 201209"),
    **_row(RequestRejected, "engine or version take no such backup", "201207 200040"),
    **_row(RequestRejected, "a quota is used up", "216028 200046 290003"),
    **_row(BackupNotFound, "{part} knows no such backup", "201010 201203 200751"),
    **_row(RequestRejected, "the backup does not allow this", "201218 201208 301024"),
    **_row(
        ServiceUnavailable,
        "{part} failed inside",
        "108000 108002 108005 200005 200208 213002 213004 290006 290015 200943",
    ),
}

GATEWAY_CODES: Final[Mapping[str, Meaning]] = {
    **_row(
        RequestRejected, "the gateway of {part} knows no such path: is the endpoint right?", "0101"
    ),
    **_row(
        RequestRejected, "the gateway of {part} is not set up for this call", "0103 0104 0105 0106"
    ),
    **_row(
        RequestRejected, "the gateway of {part} finds the request wrong or too large", "0201 0602"
    ),
    **_row(ServiceUnavailable, "the gateway of {part} does not reach it", "0202 0203 0610"),
    **_row(
        RequestRejected, "the gateway of {part} refuses protocol or certificate", "0204 0205 0607"
    ),
    **_row(
        CredentialsRejected, "the gateway of {part} refuses the credentials", "0301 0303 0305 0311"
    ),
    **_row(CredentialsRejected, "the gateway of {part} wants a new token", "0307"),
    **_row(
        PermissionDenied,
        "the gateway of {part} does not let these credentials through",
        "0302 0304 0306 0310 0801 0802",
    ),
    **_row(
        PermissionDenied,
        "the gateway of {part} does not let this address through",
        "0401 0402 0404 0405",
    ),
    **_row(Throttled, "the request limit of the gateway of {part} is reached", "0308"),
    **_row(RequestRejected, "the quota of the application is used up", "0501 0502"),
    **_row(
        ServiceUnavailable,
        "the gateway of {part} failed inside",
        "0601 0605 0606 0608 0609 0611 0612 0613 0705",
    ),
}

# Other parts of the cloud, by their whole code.
OTHER_CODES: Final[Mapping[str, Meaning]] = {
    **_row(
        PermissionDenied,
        "the credentials have no right to do this",
        "PAP.0034 PAP5.0040 PAP5.0028 LTS.0003",
    ),
}

BY_STATUS: Final[Mapping[int, Meaning]] = {
    401: (CredentialsRejected, "{part} refuses the credentials"),
    403: (PermissionDenied, "{part} refuses the operation"),
    409: (InstanceBusy, "the instance is in conflict with the request"),
}


def meaning_of(code: str) -> Meaning | None:
    """The meaning of a code, in upper or lower case, with or without its prefix."""
    code = code.upper()
    family, _, number = code.rpartition(".")
    match family:
        case "DBS":
            return SERVICE_CODES.get(number)
        case "APIGW" | "APIG":
            return GATEWAY_CODES.get(number)
        case "":
            return SERVICE_CODES.get(number) or GATEWAY_CODES.get(number)
        case _:
            return OTHER_CODES.get(code)
