"""Child processes: started in order, watched, and stopped in reverse order by one Ctrl-C."""

from oracle.supervisor.spec import ChildSpec
from oracle.supervisor.status import PROCESSES, read_down, write_down
from oracle.supervisor.tree import Supervisor

__all__ = ["PROCESSES", "ChildSpec", "Supervisor", "read_down", "write_down"]
