"""An emulator of Open Telekom Cloud's IAM and GaussDB (openGauss), with scripted faults."""

from tests.local_cloud.emulator.calls import Call
from tests.local_cloud.emulator.emulator import Emulator
from tests.local_cloud.emulator.faults import Fault
from tests.local_cloud.emulator.resources import Backup, Instance, Job

__all__ = ["Backup", "Call", "Emulator", "Fault", "Instance", "Job"]
