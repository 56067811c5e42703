"""Key files: private, encrypted, rotated, and never shown."""

import os
import pickle
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from carbonport.errors import FailedVerification, Malformed, Misuse, Refused
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import ParticipantName, Role, complete_lei
from carbonport.node.identity.node_identity import NodeIdentity
from carbonport.node.identity.passphrase import Passphrase, find_passphrase
from carbonport.node.identity.private_files import make_private_folder

NOW = 1_790_000_000
NAME = ParticipantName("CN", complete_lei("5299000CARBONPORT0"))
SECRET = "four words make one"
PERIOD = "2025-01-01/2025-12-31"


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def create(
    home: Path, *roles: Role, passphrase: Passphrase | None = None, clock: Clock | None = None
) -> NodeIdentity:
    make_private_folder(home)
    return NodeIdentity.create(
        home,
        NAME,
        roles or (Role.EXPORTER,),
        passphrase=passphrase,
        clock=clock or Clock(),
        random_bytes=os.urandom,
    )


def reopen(home: Path, passphrase: Passphrase | None = None, clock: Clock | None = None) -> NodeIdentity:
    return NodeIdentity.open(
        home, NAME, passphrase=passphrase, clock=clock or Clock(), random_bytes=os.urandom
    )


def test_files_are_private_and_folders_closed(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        identity = create(tmp_path / "home")
        identity.period_keys.obtain(PERIOD)
    finally:
        os.umask(old)
    for path in (tmp_path / "home").rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700, path
        elif path.name != "certificate.pem":
            assert mode == 0o600, path


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    identity = create(tmp_path / "home")
    kid = identity.record(KeyUse.SEAL).kid
    (tmp_path / "home/keys" / f"seal-{kid}.pem").chmod(0o640)
    with pytest.raises(Misuse) as caught:
        reopen(tmp_path / "home").p256(KeyUse.SEAL)
    assert caught.value.id == "identity-file-not-private"


def test_a_folder_others_can_enter_is_refused(tmp_path: Path) -> None:
    create(tmp_path / "home")
    (tmp_path / "home/keys").chmod(0o750)
    with pytest.raises(Misuse) as caught:
        reopen(tmp_path / "home")
    assert caught.value.id == "identity-file-not-private"


def test_existing_keys_are_never_overwritten(tmp_path: Path) -> None:
    before = create(tmp_path / "home").record(KeyUse.SEAL).kid
    with pytest.raises(Misuse) as caught:
        create(tmp_path / "home")
    assert caught.value.id == "identity-exists"
    assert reopen(tmp_path / "home").record(KeyUse.SEAL).kid == before


def test_every_use_has_its_own_key(tmp_path: Path) -> None:
    records = create(tmp_path / "home", Role.REGULATOR).ring.records()
    assert len({record.kid for record in records}) == len(records)
    assert {record.use for record in records} == set(KeyUse) - {KeyUse.VERIFIER_SEAL}


def test_the_verifier_shares_its_folder_with_nobody(tmp_path: Path) -> None:
    assert create(tmp_path / "verifier", Role.VERIFIER).ring.holds(KeyUse.VERIFIER_SEAL)
    assert not create(tmp_path / "exporter", Role.EXPORTER).ring.holds(KeyUse.VERIFIER_SEAL)
    with pytest.raises(Misuse) as caught:
        create(tmp_path / "both", Role.EXPORTER, Role.VERIFIER)
    assert caught.value.id == "identity-roles"


def test_a_passphrase_encrypts_every_private_key(tmp_path: Path) -> None:
    identity = create(tmp_path / "home", passphrase=Passphrase(SECRET))
    pems = [path.read_bytes() for path in (tmp_path / "home/keys").glob("*.pem")]
    assert len(pems) == 7
    assert all(pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") for pem in pems)
    again = reopen(tmp_path / "home", Passphrase(SECRET))
    for use in (KeyUse.SEAL, KeyUse.TLS_ISSUER):
        assert again.p256(use).private_numbers() == identity.p256(use).private_numbers()


def test_the_passphrase_itself_does_not_open_a_file(tmp_path: Path) -> None:
    """PKCS8's own 2,048 rounds are not what protects the keys."""
    create(tmp_path / "home", passphrase=Passphrase(SECRET))
    pem = next((tmp_path / "home/keys").glob("seal-*.pem")).read_bytes()
    with pytest.raises(ValueError, match=r"."):
        serialization.load_pem_private_key(pem, SECRET.encode())


def test_wrong_missing_and_short_passphrases(tmp_path: Path) -> None:
    create(tmp_path / "home", passphrase=Passphrase(SECRET))
    with pytest.raises(FailedVerification) as wrong:
        reopen(tmp_path / "home", Passphrase("four words make two")).p256(KeyUse.SEAL)
    assert wrong.value.id == "identity-key-not-opened"
    assert "four words" not in str(wrong.value)
    with pytest.raises(Misuse) as missing:
        reopen(tmp_path / "home")
    assert missing.value.id == "identity-passphrase-missing"
    with pytest.raises(Misuse) as short:
        create(tmp_path / "other", passphrase=Passphrase("short"))
    assert short.value.id == "identity-passphrase-length"


def test_where_a_passphrase_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text(SECRET + "\n")
    file.chmod(0o644)
    with pytest.raises(Misuse) as caught:
        find_passphrase(file)
    assert caught.value.id == "identity-passphrase-file"
    file.chmod(0o600)
    salt = bytes(16)
    expected = Passphrase(SECRET).stretch(salt)
    environ = {"CARBONPORT_PASSPHRASE": SECRET}
    for found in (
        find_passphrase(file, environ={}),
        find_passphrase(environ=environ),
        find_passphrase(environ={}, prompt=lambda: SECRET),
    ):
        assert found is not None
        assert found.stretch(salt) == expected
    assert find_passphrase(environ={}) is None


def test_secrets_do_not_show(tmp_path: Path) -> None:
    secret = Passphrase(SECRET)
    identity = create(tmp_path / "home", passphrase=secret)
    material = identity.tls.current()
    period_key = identity.period_keys.obtain(PERIOD)
    shown = "".join(
        repr(thing)
        for thing in (secret, identity, identity.ring, identity.period_keys, identity.tls, material, [secret])
    )
    assert SECRET not in shown
    assert "PRIVATE" not in shown
    assert period_key.hex() not in shown
    assert repr(period_key) not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_an_exchanged_public_key_is_noticed(tmp_path: Path) -> None:
    one, two = create(tmp_path / "one"), create(tmp_path / "two")
    path = tmp_path / "one/keys" / f"seal-{one.record(KeyUse.SEAL).kid}.pem"
    path.write_bytes((tmp_path / "two/keys" / f"seal-{two.record(KeyUse.SEAL).kid}.pem").read_bytes())
    with pytest.raises(FailedVerification) as caught:
        reopen(tmp_path / "one").p256(KeyUse.SEAL)
    assert caught.value.id == "identity-key-mismatch"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"version": 2}', b"\xff", b'{"version": 1, "keys": 3}']
)
def test_a_broken_list_is_malformed(tmp_path: Path, content: bytes) -> None:
    create(tmp_path / "home")
    (tmp_path / "home/keys/keys.json").write_bytes(content)
    with pytest.raises(Malformed) as caught:
        reopen(tmp_path / "home")
    assert caught.value.id == "identity-key-list"


def test_rotation_keeps_the_retired_public_key(tmp_path: Path) -> None:
    clock = Clock()
    identity = create(tmp_path / "home", clock=clock)
    old = identity.record(KeyUse.SEAL)
    clock.now += 100
    retired, new = identity.rotate(KeyUse.SEAL, effective_at=clock.now)
    assert (retired.kid, retired.valid_until, new.valid_from) == (old.kid, clock.now + 1, clock.now + 1)
    assert identity.record(KeyUse.SEAL).kid == old.kid, "what it signed in this second stays valid"
    clock.now += 1
    again = reopen(tmp_path / "home", clock=clock)
    assert again.record(KeyUse.SEAL).kid == new.kid
    assert [record.kid for record in again.ring.records(KeyUse.SEAL)] == [old.kid, new.kid]
    assert again.ring.current(KeyUse.SEAL, NOW + 50).kid == old.kid
    with pytest.raises(Misuse, match="identity-clock"):
        again.ring.current(KeyUse.SEAL, NOW - 365 * 86_400)
    assert not (tmp_path / "home/keys" / f"seal-{old.kid}.pem").exists(), "a retired signing key is erased"


def test_a_rotation_can_be_announced(tmp_path: Path) -> None:
    clock = Clock()
    identity = create(tmp_path / "home", clock=clock)
    old = identity.record(KeyUse.LOG)
    _, new = identity.rotate(KeyUse.LOG, effective_at=NOW + 3600)
    assert identity.record(KeyUse.LOG).kid == old.kid
    with pytest.raises(Misuse) as caught:
        identity.rotate(KeyUse.LOG, effective_at=NOW + 60)
    assert caught.value.id == "identity-rotation-time"
    clock.now = NOW + 3600
    assert identity.record(KeyUse.LOG).kid == new.kid
    identity.ed25519(KeyUse.LOG)


def test_keys_that_open_older_things_stay(tmp_path: Path) -> None:
    clock = Clock()
    identity = create(tmp_path / "home", clock=clock)
    period_key = identity.period_keys.obtain(PERIOD)
    old = identity.record(KeyUse.HPKE)
    clock.now += 1
    identity.rotate(KeyUse.HPKE, effective_at=clock.now)
    identity.rotate(KeyUse.STORAGE, effective_at=clock.now)
    clock.now += 1
    again = reopen(tmp_path / "home", clock=clock)
    assert again.x25519(again.ring.record(old.kid)) is not None
    assert again.period_keys.obtain(PERIOD) == period_key


def test_period_keys_are_one_per_period_and_can_be_destroyed(tmp_path: Path) -> None:
    identity = create(tmp_path / "home")
    first, second = (identity.period_keys.obtain(f"{year}-01-01/{year}-12-31") for year in (2025, 2026))
    assert len(first) == 32
    assert first != second
    assert reopen(tmp_path / "home").period_keys.obtain(PERIOD) == first
    assert identity.period_keys.periods() == (PERIOD, "2026-01-01/2026-12-31")
    identity.period_keys.destroy(PERIOD)
    for attempt in (identity, reopen(tmp_path / "home")):
        with pytest.raises(Refused) as caught:
            attempt.period_keys.obtain(PERIOD)
        assert caught.value.id == "period-key-destroyed"
    assert identity.period_keys.obtain("2026-01-01/2026-12-31") == second
    with pytest.raises(Malformed):
        identity.period_keys.obtain("../2025")


def test_period_keys_cannot_be_exchanged(tmp_path: Path) -> None:
    """Who can write the folder can neither swap two periods nor plant a key of another node."""
    identity, other = create(tmp_path / "one"), create(tmp_path / "two")
    for node in (identity, other):
        node.period_keys.obtain(PERIOD)
        node.period_keys.obtain("2026-01-01/2026-12-31")
    folder = tmp_path / "one/period-keys"
    good = (folder / "2025-01-01_2025-12-31.key").read_bytes()
    swapped = (folder / "2026-01-01_2026-12-31.key").read_bytes()
    planted = (tmp_path / "two/period-keys/2025-01-01_2025-12-31.key").read_bytes()
    renamed = planted.replace(
        other.record(KeyUse.STORAGE).kid.encode(), identity.record(KeyUse.STORAGE).kid.encode()
    )
    for content, expected in [
        (swapped, "period-key-not-opened"),
        (renamed, "period-key-not-opened"),
        (planted, "identity-key-absent"),
        (good[:40], "period-key-file"),
    ]:
        (folder / "2025-01-01_2025-12-31.key").write_bytes(content)
        with pytest.raises((FailedVerification, Malformed, Misuse)) as caught:
            identity.period_keys.obtain(PERIOD)
        assert caught.value.id == expected


def test_names() -> None:
    name = ParticipantName.parse(str(NAME))
    assert name == NAME == ParticipantName.from_spiffe_id(NAME.spiffe_id)
    assert name.spiffe_id == f"spiffe://cn/node/{NAME.lei}"
    assert complete_lei("HWUPKR0MPOU8FGXBT3") == "HWUPKR0MPOU8FGXBT394", "a published LEI"
    for wrong in (
        "CN/529900CARBONPORT0001",
        "CN/",
        f"cn/{NAME.lei}",
        f"CN/{NAME.lei[:-1]}x",
        f"CN/{NAME.lei}\n",
    ):
        with pytest.raises(Malformed):
            ParticipantName.parse(wrong)
    for wrong in (f"spiffe://CN/node/{NAME.lei}", f"spiffe://cn/node/{NAME.lei}/x", "https://cn"):
        with pytest.raises(Malformed):
            ParticipantName.from_spiffe_id(wrong)
