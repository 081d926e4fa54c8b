"""The deletion of one backup: only this module sends DELETE, and only ``actions.prune`` imports it.

Source: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Deleting a Manual Backup"; for
the codes of a backup that is gone or in use, that page's "Error Codes" and the clients of Huawei.
"""

from typing import Final

from gaussdb_backup.errors import (
    BackupError,
    BackupNotFound,
    CredentialsRejected,
    Evidence,
    InstanceBusy,
    InstanceNotReady,
    PermissionDenied,
    ServiceUnavailable,
    Throttled,
)
from gaussdb_backup.gaussdb.api import GaussDB
from gaussdb_backup.http_client.error_mapping import map_error, read_evidence
from gaussdb_backup.http_client.response import Response
from gaussdb_backup.http_client.transport import NotSent, ResponseLost

# Open Telekom Cloud documents 202 with an empty object; Huawei's response has another body.
ACCEPTED_STATUSES: Final = frozenset({200, 202, 204})
# The backup is being made, deleted or restored, or is an automated one.
NOT_DELETABLE_CODES: Final = ("201208", "301024", "201218")


def delete_backup(gaussdb: GaussDB, backup_id: str) -> Evidence | BackupError:
    """Sends one request to delete a backup, which cannot be undone.

    Args:
        gaussdb: the API, as the user that may delete.
        backup_id: an ID that needs no encoding in a path.

    Returns:
        What the service said when it accepted the deletion, or: ``BackupNotFound`` where the
        backup is gone already, ``Throttled`` where the service asks for fewer requests,
        ``ServiceUnavailable`` if it is unknown whether the backup is deleted, and each other
        error where the service refuses to delete this backup.

    Raises:
        PermissionDenied: the user may not delete.
        CredentialsRejected: the cloud refuses the user's credentials, after one renewal.
        BackupError: the calls have no credentials.
    """
    try:
        response = gaussdb.send("DELETE", f"backups/{backup_id}")
    except NotSent as failure:
        return ServiceUnavailable(f"no connection to the service: {failure}")
    except ResponseLost as failure:
        return ServiceUnavailable(f"the response to the deletion was lost: {failure}")
    if response.status in ACCEPTED_STATUSES:
        return read_evidence(response)
    return _refusal(response)


def _refusal(response: Response) -> BackupError:
    """What a response means that accepts no deletion: by its code, then by its status.

    Raises:
        BackupError: no other backup can be deleted either.
    """
    error = map_error(response)
    code = error.evidence.error_code or ""
    match error:
        case BackupNotFound() | InstanceBusy() | InstanceNotReady() | Throttled():
            return error
        case CredentialsRejected() | PermissionDenied():
            raise error
        case _ if code.endswith(NOT_DELETABLE_CODES):
            return error
        case _ if response.status == 404:
            return BackupNotFound(error.detail, evidence=error.evidence)
        case _ if response.status == 403:
            raise error
        case _:
            return error
