"""What the documented codes mean to a backup, copied from the documentation and not from the code.

Sources: Open Telekom Cloud, "GaussDB(openGauss) API Reference", "Error Codes"; "API Gateway User
Guide", "Error Codes". A line is an error name, then the codes and the statuses they come with.
"""

from __future__ import annotations

from typing import Final

# service codes, each with the status that the page gives it, row by row of what a create can meet
SERVICE: Final = """
    RequestRejected      400 280006 200006 280001 200001 200004 200405 290000 290001 06010013
    InvalidRequest       400 280404
    InvalidRequest       400 201210
    InvalidRequest       400 280127
    RequestRejected      400 280408
    InstanceNotFound     404 201028 280022 200002 200045 200602 290005 290011
    InstanceNotFound     400 200203
    PermissionDenied     403 201003 280015 200044 200010 200604 280020
    PermissionDenied     400 216003
    InstanceNotReady     400 201014 200086 280800 06010001 280449
    InstanceNotReady     409 280406 280011 200316
    InstanceNotReady     404 200408
    InstanceBusy         409 201202 200011 200019 200047 212006
    InstanceBusy         400 06020003
    InstanceBusy         409 201205
    NameTaken            409 201201 201209
    RequestRejected      400 201207 200040
    RequestRejected      400 216028
    RequestRejected      413 200046 290003
    ServiceUnavailable   500 108000 108002 108005 200005 200208 213002 213004 290006 290015
    ServiceUnavailable   400 200943
    CredentialsRejected  403 280056
    RequestRejected      400 280439 280440 201004 280124 280253 201103 280216 280416
    BackupNotFound       404 201010
    BackupNotFound       400 201203 200751
    RequestRejected      400 201218 201208 301024
    RequestRejected      400 200543
    InstanceBusy         409 212033
"""

# codes that the page lacks: retry lists of Huawei's Terraform provider for this call and its twin
# of RDS, error pages of DDS and GeminiDB; seen with 400, 403 and 409 alike
UNDOCUMENTED: Final = """
    InstanceBusy         409 201015 216011 05000084 200018 200076 200080 200463 200611 201206
    InstanceBusy         409 280343 280816 280228 01010337 01280030 201000
    InstanceNotReady     400 201204 200998
"""

# other families, a digit in one of them: newer editions of IAM's policies, roles of sub-projects
OTHER: Final = """
    PermissionDenied     403 PAP.0034 PAP5.0040 PAP5.0028 LTS.0003
"""

# gateway codes by their four digits; the statuses of Huawei's edition where they differ
GATEWAY: Final = """
    RequestRejected      404 0101
    ServiceUnavailable   500 0103 0104 0105
    RequestRejected      404 0103
    RequestRejected      400 0104 0105
    RequestRejected      400 0106
    RequestRejected      400 0201
    RequestRejected      413 0201
    RequestRejected      414 0201
    RequestRejected      494 0201
    ServiceUnavailable   500 0201
    ServiceUnavailable   502 0201 0202 0610
    ServiceUnavailable   504 0201 0203
    RequestRejected      400 0204 0205
    CredentialsRejected  401 0301
    PermissionDenied     403 0302
    CredentialsRejected  401 0303
    PermissionDenied     403 0304
    CredentialsRejected  401 0305
    PermissionDenied     403 0306
    CredentialsRejected  401 0307
    Throttled            429 0308
    PermissionDenied     403 0310
    CredentialsRejected  401 0311
    PermissionDenied     403 0401 0402 0404 0405
    RequestRejected      405 0501 0502
    ServiceUnavailable   500 0601 0605 0606 0608 0609 0611 0612 0705
    RequestRejected      400 0602 0607
    ServiceUnavailable   503 0613
    PermissionDenied     403 0801 0802
"""

# an unknown code, or none, falls back on its status
BY_STATUS: Final = """
    RequestRejected      400 402 404 405 406 407 410 411 412 413 414 415 416 417 422 494 499
    CredentialsRejected  401
    PermissionDenied     403
    InstanceBusy         409
    Throttled            429
    ServiceUnavailable   408 425
    ServiceUnavailable   500 501 502 503 504 505 511 599
    ServiceUnavailable   200 201 202 204 206 300 301 302 303 304 305 307 308
"""


def rows(table: str) -> list[tuple[int, str, str]]:
    """The rows of a table of codes: status, code, error name."""
    lines = [line.split() for line in table.strip().splitlines()]
    return [(int(status), code, name) for name, status, *codes in lines for code in codes]


def statuses(table: str) -> list[tuple[int, str]]:
    """The rows of a table of statuses: status, error name."""
    lines = [line.split() for line in table.strip().splitlines()]
    return [(int(status), name) for name, *statuses in lines for status in statuses]
