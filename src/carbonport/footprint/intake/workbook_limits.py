"""The limits a workbook's reading process puts on itself before it touches a byte of the workbook."""

import resource
import sys

from carbonport.footprint.intake.workbook_bounds import (
    CHILD_CPU_SECONDS,
    CHILD_MEMORY_BYTES,
    CHILD_OPEN_FILES,
)


def apply_limits() -> dict[str, int]:
    """Sets the limits of this process for good and tells what the system says they are now.

    macOS does not keep a limit on address space; there the sizes checked beforehand and the parent's clock
    bound it. Raises OSError or ValueError when the system refuses a limit: then nothing is read.
    """
    wanted = {
        "cpu": (resource.RLIMIT_CPU, CHILD_CPU_SECONDS, CHILD_CPU_SECONDS + 1),
        "files": (resource.RLIMIT_NOFILE, CHILD_OPEN_FILES, CHILD_OPEN_FILES),
        "written": (resource.RLIMIT_FSIZE, 0, 0),
        "core": (resource.RLIMIT_CORE, 0, 0),
    }
    if sys.platform == "linux":
        wanted["memory"] = (resource.RLIMIT_AS, CHILD_MEMORY_BYTES, CHILD_MEMORY_BYTES)
    for kind, soft, hard in wanted.values():
        resource.setrlimit(kind, (soft, hard))
    return {name: resource.getrlimit(kind)[0] for name, (kind, _, _) in wanted.items()}
