"""The wheel holds what the program reads, and runs in an environment without Flower and TenSEAL."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ABSENT = ("flwr", "tenseal")
"""Optional dependencies: the wheel must work where they cannot be imported."""

INSIDE = (
    "carbonport/footprint/tables/catalogue.csv",
    "carbonport/footprint/tables/constants.csv",
    "carbonport/footprint/tables/standard_factors.csv",
    "carbonport/classification/data/policy.cedar",
    "carbonport/classification/data/policy.cedarschema",
    "carbonport/examples/provinces.csv",
    "carbonport/examples/steelworks.yaml",
    "carbonport/wire/v1/exchange_pb2.py",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make wheel` builds it, without the network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed program in a new environment: today's dependencies without the optional ones."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    dependencies = tmp_path_factory.mktemp("dependencies")
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).iterdir():
            # An editable carbonport, and what is absent, stay out: by name, so that nothing finds them.
            name = path.name.lower()
            if not name.startswith(("carbonport", "_carbonport", *ABSENT)) and path.suffix != ".pth":
                (dependencies / path.name).symlink_to(path)
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)
    return folder / "bin" / "carbonport"


def test_tables_policy_and_example_are_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert set(INSIDE) <= names
    tracked = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/carbonport").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert tracked <= names, "every file of the package is in the wheel"


def test_it_runs_from_an_empty_folder_without_the_optional_dependencies(
    program: Path, tmp_path: Path
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(*command: str) -> str:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert run(str(program), "--version").startswith("carbonport ")
    python = str(program.with_name("python"))
    example = run(
        python, "-c", "import carbonport; print(carbonport.__path__[0] + '/examples/steelworks.yaml')"
    ).strip()
    assert str(program.parents[1]) in example, "the installed package, not the checkout"
    assert '"see_direct"' in run(str(program), "calculate", example, "--json")
    assert "regulator" in run(str(program), "init", "--help")
    for name in ABSENT:
        missing = run(python, "-c", f"import importlib.util as u; print(u.find_spec('{name}'))")
        assert missing.strip() == "None"
