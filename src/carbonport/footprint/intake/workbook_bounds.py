"""Every bound on a workbook, in one place: what is checked before parsing, and what the reading child may
use.

The Commission's template (V2.1, filled) is a file of 1.3 MB with 79 parts and 10 MB unpacked; its largest
part has 1.1 MB, its best-compressed part a ratio of 22, its largest sheet that is read 13,342 cells. The
bounds lie well above that and far below what hurts.
"""

MAX_FILE_BYTES = 32 * 1024 * 1024
"""The file itself."""

MAX_MEMBERS = 512
"""Parts of the package."""

MAX_DIRECTORY_BYTES = 256 * 1024
"""The zip directory, which is read into memory as a whole."""

MAX_SMALL_PART_BYTES = 1024 * 1024
"""A part that only says where things are (workbook, relationships)."""

MAX_PART_BYTES = 16 * 1024 * 1024
"""Any part, unpacked."""

MAX_INFLATED_BYTES = 64 * 1024 * 1024
"""All parts together, unpacked."""

MAX_RATIO = 100
"""Unpacked to packed size of one part, once it is larger than RATIO_FREE_BYTES."""

RATIO_FREE_BYTES = 1024 * 1024
"""A part up to this size may compress as well as it likes."""

PROBE_BYTES = 2 * 1024 * 1024
"""How much of an oversized sheet is read, only to say where in the sheet it goes wrong."""

CHUNK_BYTES = 256 * 1024
"""Unpacked bytes given to the XML parser at once."""

MAX_DEPTH = 32
"""Nesting of XML elements."""

MAX_ROW_ELEMENTS = 20_000
"""Rows of one sheet, blank ones counted."""

MAX_CELLS = 250_000
"""Cells of one sheet, blank ones counted."""

FARTHEST_ROW = 5_000
"""No cell of any sheet, blank or not, may lie below this row."""

FARTHEST_COLUMN = 256
"""No cell of any sheet, blank or not, may lie right of this column (IV)."""

MAX_STRAY_CELLS = 50
"""Filled cells outside the template that are named, per sheet."""

MAX_TEXT_CHARACTERS = 32_767
"""A cell's text: the bound of the file format itself."""

MAX_REPLY_BYTES = 4 * 1024 * 1024
"""What the child may answer."""

CHILD_MEMORY_BYTES = 512 * 1024 * 1024
"""Address space of the child (RLIMIT_AS)."""

CHILD_CPU_SECONDS = 10
"""Processor time of the child (RLIMIT_CPU)."""

CHILD_WALL_SECONDS = 60
"""Wall-clock time after which the parent ends the child."""

CHILD_OPEN_FILES = 16
"""Open files of the child (RLIMIT_NOFILE)."""
