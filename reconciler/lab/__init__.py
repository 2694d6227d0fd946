"""The lab: a disposable replica of the documents' machines on this computer (design: namespaces, real daemons)."""

from reconciler.lab.build import down, up
from reconciler.lab.enter import exec_
from reconciler.lab.errors import LabError
from reconciler.lab.look import LabStatus, status
from reconciler.lab.power import off, on
from reconciler.lab.spec import LabSpec, Machine, default_name

__all__ = ["LabError", "LabSpec", "LabStatus", "Machine", "default_name", "down", "exec_", "off", "on", "status", "up"]
