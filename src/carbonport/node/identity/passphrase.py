"""The passphrase that protects key files: where it comes from, and how it becomes an encryption password.

PKCS8 as `cryptography` writes it derives its key with 2,048 rounds of PBKDF2, which a graphics card tries
by the million; so the passphrase first goes through scrypt (RFC 7914) with a salt of this home folder.
Decision record 0061.
"""

import base64
import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from carbonport.errors import Misuse

ENVIRONMENT_NAME = "CARBONPORT_PASSPHRASE"
"""The variable a passphrase is taken from when no file is named."""

MIN_CHARACTERS = 12
"""Shortest passphrase accepted for new keys."""

MAX_CHARACTERS = 1024
"""Longest passphrase accepted; a longer file is not a passphrase file."""

SCRYPT_N = 2**15
"""Cost of one guess: 32 MiB and about a tenth of a second (OWASP's password storage sheet allows from 2^14
up).
"""

SCRYPT_R = 8
"""Block size parameter of scrypt."""

SCRYPT_MEMORY_BYTES = 64 * 2**20
"""Ceiling given to scrypt: twice what it needs."""


class Passphrase:
    """A passphrase that does not show itself; `stretch` is the only way to use it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not 1 <= len(text) <= MAX_CHARACTERS:
            raise Misuse(
                "identity-passphrase-length",
                found="an empty or overlong passphrase",
                expected=f"1 to {MAX_CHARACTERS} characters",
                remedy="Give a passphrase of several words.",
            )
        self._text = text

    def __repr__(self) -> str:
        return "Passphrase(...)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a passphrase is not serialised")

    def require_strength(self) -> None:
        """Refuse to protect new keys with a passphrase that is quickly guessed."""
        if len(self._text) < MIN_CHARACTERS:
            raise Misuse(
                "identity-passphrase-length",
                found=f"fewer than {MIN_CHARACTERS} characters",
                expected=f"at least {MIN_CHARACTERS} characters",
                remedy="Give a passphrase of several words.",
            )

    def stretch(self, salt: bytes) -> bytes:
        """The PKCS8 password: scrypt of the passphrase in unpadded base64url, so that it is printable."""
        key = hashlib.scrypt(
            self._text.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=1, maxmem=SCRYPT_MEMORY_BYTES, dklen=32
        )
        return base64.urlsafe_b64encode(key).rstrip(b"=")


def find_passphrase(
    file: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    prompt: Callable[[], str] | None = None,
) -> Passphrase | None:
    """The passphrase from `file`, else from the environment, else from `prompt`, else none.

    A trailing newline of the file is not part of it. The file must not be readable by others.
    """
    if file is not None:
        return Passphrase(_read_file(file))
    text = (os.environ if environ is None else environ).get(ENVIRONMENT_NAME)
    if text:
        return Passphrase(text)
    if prompt is not None:
        return Passphrase(prompt())
    return None


def _read_file(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            content = stream.read(4 * MAX_CHARACTERS + 1).decode()
    except (OSError, UnicodeDecodeError) as problem:
        raise Misuse(
            "identity-passphrase-file",
            found=type(problem).__name__,
            expected="a readable text file with the passphrase in its only line",
            remedy="Check the path given with --passphrase-file.",
            where=str(file),
        ) from None
    if stat.S_ISREG(mode) and mode & 0o077:
        raise Misuse(
            "identity-passphrase-file",
            found=f"mode {stat.S_IMODE(mode):04o}",
            expected="a file only its owner can read (mode 0600)",
            remedy="chmod 600 the passphrase file.",
            where=str(file),
        )
    return content.rstrip("\r\n")
