"""The draft's seeded generator and a reader of its encoded statements: for repeating its vectors, in tests only."""

from carbonport.crypto.group import BLS12_381_G1, ORDER, SCALAR_BYTES, Point
from carbonport.crypto.proofs.duplex_sponge import DuplexSponge, derive_session_id
from carbonport.crypto.proofs.field_codec import decode_residue
from carbonport.crypto.proofs.linear_relation import Equation, ImageTerm, LinearRelation, Term
from carbonport.crypto.proofs.relation_proofs import SUITE_ID, Form


class SeededNonces:
    """Appendix "Seeded PRNG" of draft-irtf-cfrg-sigma-protocols: one stream for each relation and form."""

    def __init__(self, relation_name: str, form: Form) -> None:
        tag = f"TestDRNG-SIGMA-PROOFS-{form}-{SUITE_ID}-{relation_name}"
        self._sponge = DuplexSponge(derive_session_id(tag.encode()))

    def take(self, count: int) -> list[int]:
        return [decode_residue(self._sponge.squeeze(SCALAR_BYTES + 16), ORDER) for _ in range(count)]


def parse_relation(data: bytes) -> LinearRelation[Point]:
    """The inverse of `LinearRelation.encode`: nobody but the vectors transports statements."""
    at = 0

    def number() -> int:
        nonlocal at
        at += 4
        return int.from_bytes(data[at - 4 : at], "little")

    def coefficient() -> int:
        nonlocal at
        at += SCALAR_BYTES
        return BLS12_381_G1.decode_scalar(data[at - SCALAR_BYTES : at])

    equations = []
    for _ in range(number()):
        image = tuple(ImageTerm(number(), coefficient()) for _ in range(number()))
        terms = tuple(Term(number(), number(), coefficient()) for _ in range(number()))
        equations.append(Equation(image, terms))
    points = [Point.decode(data[i : i + 48]) for i in range(at, len(data), 48)]
    return LinearRelation(BLS12_381_G1, (BLS12_381_G1.base, *points), tuple(equations))
