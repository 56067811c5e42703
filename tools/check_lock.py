"""Fail when requirements.lock is not fresh: recompiling it, with itself as preference, must change nothing."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = [
    "--quiet",
    "--universal",
    "--generate-hashes",
    "--no-header",
    "--all-extras",
    "--python-version",
    "3.11",
]


def main() -> None:
    lock = ROOT / "requirements.lock"
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / lock.name
        shutil.copy(lock, fresh)
        uv = Path(sys.executable).with_name("uv")
        command = [uv, "pip", "compile", *OPTIONS, "--output-file", fresh, "pyproject.toml"]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        if fresh.read_bytes() != lock.read_bytes():
            sys.exit("requirements.lock does not follow from pyproject.toml: run `make lock`")


if __name__ == "__main__":
    main()
