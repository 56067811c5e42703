"""How a result file is recognised, before anything of it is read."""

RESULT_FILE_FORMAT = "carbonport-aggregate/1"
"""Names the format of the file."""

MAX_RESULT_FILE_BYTES = 256 * 1024 * 1024
"""Longest file: 10,000 contributions with their statements."""


def is_result_file(data: bytes) -> bool:
    """Whether these bytes look like a result file, by the format's name alone."""
    return f'"format":"{RESULT_FILE_FORMAT}"'.encode() in data[:MAX_RESULT_FILE_BYTES]
