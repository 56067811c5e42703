"""The app bundle that names our app to Flower, and the list of bundles whose runs a node takes part in.

Flower hands every participant a bundle of code and the hash of it. Ours holds no code that runs: both apps are part of
the installed package (`carbonport.federated.flower.apps`), and the bundle is only a name for them. It is the same bytes
everywhere, because it is stored without compression and without dates of its own. An executor compares the hash and
runs what is installed; it never unpacks a bundle.
"""

import hashlib
import io
import zipfile
from typing import Final

CARRIER_VERSION: Final = "1.1.0"
"""Version of how letters lie in Flower's messages. Another version is another bundle, and another hash."""

_PROJECT: Final = f"""[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "carbonport-letters"
version = "{CARRIER_VERSION}"
description = "Carries the letters of a training. The code is that of the installed carbonport."
license = {{ file = "LICENSE" }}
dependencies = ["flwr>=1.41.0"]

[tool.flwr.app]
publisher = "carbonport"
fab-format-version = 1
flwr-version-target = "1.41.0"

[tool.flwr.app.components]
serverapp = "carbonport_letters:not_run_from_a_bundle"
clientapp = "carbonport_letters:not_run_from_a_bundle"
"""

_LICENSE: Final = "Apache-2.0: the license of the installed carbonport.\n"

_MODULE: Final = 'raise ImportError("this bundle is a name for an installed app and holds none")\n'

_FIXED_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The oldest date that a ZIP can state."""


def app_bundle() -> bytes:
    """The bundle of this version."""
    files = {"pyproject.toml": _PROJECT, "LICENSE": _LICENSE, "carbonport_letters.py": _MODULE}
    manifest = "\n".join(
        f"{name},{hashlib.sha256(text.encode()).hexdigest()},{len(text.encode()) * 8}"
        for name, text in files.items()
    )
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as bundle:
        for name, text in {**files, ".info/CONTENT": manifest}.items():
            entry = zipfile.ZipInfo(name, _FIXED_DATE)
            entry.create_system = 3
            bundle.writestr(entry, text)
    return written.getvalue()


APP_HASH: Final = hashlib.sha256(app_bundle()).hexdigest()
"""SHA-256 of the bundle, as Flower names it and as a training's record states it."""

ALLOWED: Final = frozenset({APP_HASH})
"""Bundles in whose runs a node of this version takes part."""


def is_allowed(stated_hash: str, content: bytes) -> bool:
    """Whether a run's app is on the list: by its stated hash and by that of the bytes that came with it."""
    return stated_hash in ALLOWED and hashlib.sha256(content).hexdigest() == stated_hash
