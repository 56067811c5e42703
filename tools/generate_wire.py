"""Generate src/carbonport/wire from proto/ (grpcio-tools, mypy-protobuf): `make proto`.

The output is committed, so that users need no compiler; `tools/check_generated.py` holds it to the sources.
"""

import os
import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
WIRE = Path("carbonport", "wire")


def generate(output: Path) -> None:
    """Write the Python modules and their stubs for every .proto file below `output`/carbonport/wire."""
    sources = sorted(str(path) for path in (ROOT / "proto" / WIRE).rglob("*.proto"))
    # protoc finds the stub generators on PATH; they stand beside this interpreter.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    well_known = str(files("grpc_tools") / "_proto")
    arguments = ["protoc", f"--proto_path={ROOT / 'proto'}", f"--proto_path={well_known}"]
    arguments += [
        f"--{kind}={output}" for kind in ("python_out", "grpc_python_out", "mypy_out", "mypy_grpc_out")
    ]
    if protoc.main([*arguments, *sources]) != 0:
        sys.exit("protoc refused the sources; its words stand above")
    for folder in [output / WIRE, *(path for path in (output / WIRE).rglob("*") if path.is_dir())]:
        if folder.name != "__pycache__":
            (folder / "__init__.py").write_text('"""Generated from proto/ by `make proto`; do not edit."""\n')


if __name__ == "__main__":
    generate(ROOT / "src")
