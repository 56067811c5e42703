"""A plausibility model on disk: written by whoever trained it, believed when a listed participant signed it."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from carbonport.attestation.trust_store import TrustStore
from carbonport.crypto.jws import Jwk, SigningKey
from carbonport.errors import FailedVerification, Misuse
from carbonport.federated.plausibility_model import (
    MAX_MODEL_BYTES,
    PlausibilityModel,
    model_kid,
    sign_model,
    verify_model,
)
from carbonport.node.bounded_file import read_bounded
from carbonport.node.identity.private_files import write_public
from carbonport.node.plausibility.received import MODEL_NAME

TRAINING_ROLES = frozenset({"coordinator", "verifier", "regulator"})
"""Roles whose model others believe; besides, everybody believes their own. An exporter judged by its own model would be
its own judge."""


class IssuedModel(Protocol):
    """What every model file says of itself."""

    @property
    def issuer(self) -> str:
        """Who signs for it."""

    @property
    def issued_at(self) -> int:
        """When, in unix seconds."""


ModelT = TypeVar("ModelT", bound=IssuedModel)


def write_model(path: Path, model: PlausibilityModel, key: SigningKey) -> None:
    """Sign the model with the node's seal and write it."""
    write_public(path, sign_model(model, key).encode())


def model_path(home: Path | None, named: Path | None) -> Path:
    """The model that was named, else the one of the home folder."""
    if named is not None:
        return named
    if home is None or not (home / MODEL_NAME).is_file():
        raise Misuse(
            "model-missing",
            found="no model",
            expected=f"--model FILE, or {MODEL_NAME} in the home folder",
            remedy=f"Copy a model into the home folder as {MODEL_NAME}, or name one.",
        )
    return home / MODEL_NAME


def read_listed_model(path: Path, store: TrustStore, *, own: str, now: int) -> PlausibilityModel:
    """The plausibility model, signed by a listed coordinator, verifier or regulator, or by `own`, the reader's own
    participant."""
    return read_listed(path, store, verify_model, own=own, now=now)


def read_listed(
    path: Path, store: TrustStore, verify: Callable[[str, Jwk], ModelT], *, own: str, now: int
) -> ModelT:
    """A model of any kind that `verify` reads, under the same rule."""
    token = _token(path)
    kid = model_kid(token)
    for held in store.held_lists():
        for participant in held.trust_list.participants:
            key = participant.key(kid, "seal")
            if key is None:
                continue
            model = verify(token, key.jwk)
            if model.issuer != participant.id:
                raise _not_believed(f"a model of {model.issuer} under a key of {participant.id}", path)
            if participant.id != own and not TRAINING_ROLES & set(participant.roles):
                raise _not_believed(f"a model of {participant.id}, which has none of the roles for it", path)
            if key.status == "revoked" or not key.valid_at(model.issued_at) or model.issued_at > now:
                raise _not_believed("a model signed with a key that was not valid, or ahead of now", path)
            return model
    raise _not_believed("a model whose signer no current trust list names", path)


def read_model_with_key(path: Path, jwk: Jwk) -> PlausibilityModel:
    """The model under a public key that the reader compared by another channel."""
    return verify_model(_token(path), jwk)


def _token(path: Path) -> str:
    return read_bounded(path, MAX_MODEL_BYTES).decode("ascii", errors="replace").strip()


def _not_believed(found: str, path: Path) -> FailedVerification:
    return FailedVerification(
        "model-not-believed",
        found=found,
        expected="a model signed by a listed coordinator, verifier or regulator, or by this node itself",
        remedy="Ask for the model from somebody you list, or train one of your own.",
        where=str(path),
    )
