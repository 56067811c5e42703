"""BFV through TenSEAL: contexts, encryption, addition, decryption. The only module that imports TenSEAL.

It runs inside the worker process (`bfv_child`), never in a node's own: everything that parses foreign bytes is here.

Traps of the library that this module answers, each with a test: plaintexts of t and more are corrupted without an error
(refused before encryption); results are signed (`% t`); vectors of different lengths are not added slot by slot (the
length is checked); another parameter set or a context with a secret key would be accepted (hashes of the parameters are
compared with constants); a ciphertext with little noise budget decrypts alone and spoils the sum (the budget is told).
Not answered, because nothing can: a changed ciphertext is mostly accepted, and another key decrypts to garbage without
an error. Sizes, hashes and commitments catch those.
"""

from collections.abc import Sequence
from typing import Any

import tenseal

from carbonport.crypto.sums.bfv_constants import (
    COEFFICIENT_MODULUS_BITS,
    DATA_PARAMETERS_ID,
    DEGREE,
    KEY_PARAMETERS_ID,
    PLAIN_MODULUS,
)

THREADS = 1
"""Of the library: its own threads gain nothing on single ciphertexts."""

POLYNOMIALS = 2
"""Of a fresh ciphertext and of a sum of such."""


class NotBfvError(Exception):
    """Bytes that are no context or ciphertext of ours; says nothing more."""


def generate_context() -> tuple[bytes, bytes]:
    """A fresh context as (public, secret) bytes; the keys come from the library's own generator."""
    context = tenseal.context(
        tenseal.SCHEME_TYPE.BFV, DEGREE, PLAIN_MODULUS, list(COEFFICIENT_MODULUS_BITS), n_threads=THREADS
    )
    parts = {"save_galois_keys": False, "save_relin_keys": False}
    public = context.serialize(save_public_key=True, save_secret_key=False, **parts)
    secret = context.serialize(save_public_key=True, save_secret_key=True, **parts)
    load_context(public, secret=False)
    return public, secret


def load_context(data: bytes, *, secret: bool) -> Any:
    """The context of these bytes, with exactly our parameters and exactly the keys it should have."""
    try:
        context = tenseal.context_from(data, n_threads=THREADS)
        seal = context.seal_context().data
        ids = tuple(seal.key_parms_id()), tuple(seal.first_parms_id())
        keys = (
            context.has_public_key(),
            context.has_secret_key(),
            context.has_galois_keys(),
            context.has_relin_keys(),
        )
    except Exception as error:
        raise NotBfvError from error
    if ids != (KEY_PARAMETERS_ID, DATA_PARAMETERS_ID) or keys != (True, secret, False, False):
        raise NotBfvError
    return context


def encrypt(context: Any, slots: Sequence[int]) -> bytes:
    """The slots under the context's key; every slot is a residue modulo t."""
    if not all(0 <= slot < PLAIN_MODULUS for slot in slots):
        raise NotBfvError
    return bytes(tenseal.bfv_vector(context, list(slots)).serialize())


def load_ciphertext(context: Any, data: bytes, slots: int) -> Any:
    """The ciphertext of these bytes: one of two polynomials, not reduced to other moduli, with this many slots."""
    try:
        vector = tenseal.bfv_vector_from(context, data)
        ciphertexts = vector.ciphertext()
        sizes = (vector.size(), len(ciphertexts))
        one = ciphertexts[0]
        form = (one.size(), tuple(one.parms_id()), one.is_ntt_form(), one.is_transparent())
    except Exception as error:
        raise NotBfvError from error
    if sizes != (slots, 1) or form != (POLYNOMIALS, DATA_PARAMETERS_ID, False, False):
        raise NotBfvError
    return vector


def add(total: Any, vector: Any) -> Any:
    """The sum, in place of the first."""
    try:
        return total.add_(vector)
    except Exception as error:
        raise NotBfvError from error


def decrypt(context: Any, vector: Any) -> tuple[int, list[int]]:
    """Noise budget left in bits, and the slots as residues modulo t."""
    budget = context.decryptor().data.invariant_noise_budget(vector.ciphertext()[0])
    return int(budget), [slot % PLAIN_MODULUS for slot in vector.decrypt()]
