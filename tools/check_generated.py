"""Fail when src/carbonport/wire is not what proto/ generates, or when buf's lint finds fault with proto/."""

import subprocess
import sys
import tempfile
from pathlib import Path

from generate_wire import ROOT, WIRE, generate


def sources(folder: Path) -> dict[str, bytes]:
    """Every generated file below `folder`, by its path relative to it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix in {".py", ".pyi"}
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh, committed = sources(Path(scratch) / WIRE), sources(ROOT / "src" / WIRE)
    stale = sorted(name for name in fresh.keys() | committed.keys() if fresh.get(name) != committed.get(name))
    if stale:
        sys.exit(f"not what proto/ generates (run `make proto`): {', '.join(stale)}")
    buf = Path(sys.executable).with_name("buf")
    sys.exit(subprocess.run([buf, "lint", "proto"], cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
