"""A local stand-in for Open Telekom Cloud's IAM and GaussDB (openGauss), with faults by script."""

from tests.cloud.emulator.calls import Call
from tests.cloud.emulator.emulator import Emulator
from tests.cloud.emulator.faults import Fault
from tests.cloud.emulator.resources import Backup, Instance, Job

__all__ = ["Backup", "Call", "Emulator", "Fault", "Instance", "Job"]
