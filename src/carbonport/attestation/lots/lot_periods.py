"""Which periods a verifier refuses to sign: those that overlap another statement's for the same process.

Two lots over one production would let its tonnes be sold twice, each lot honest in itself. The one allowed overlap is
the same period again, as a correction: that is the same lot, with a newer version of its statement.
"""

from collections.abc import Iterable

from carbonport.attestation.lots.lot_identity import Lot
from carbonport.errors import Refused


def require_no_overlap(lots: Iterable[Lot], signed: Iterable[Lot], *, elsewhere: Iterable[Lot] = ()) -> None:
    """Raise `Refused` (`lot-period-overlap`) when a lot of `lots` overlaps another one of its process in `signed`, or
    any one of its process in `elsewhere`.

    `signed` are the lots of every statement that the verifier knows of for the exporter, its own and those that other
    verifiers logged; `elsewhere` those of other exporters, which correct nothing here. Days are ISO 8601, so their
    order is that of their text.
    """
    earlier, foreign = list(signed), list(elsewhere)
    for lot in lots:
        for other in (*(each for each in earlier if each != lot), *foreign):
            same_process = (lot.installation, lot.process) == (other.installation, other.process)
            if same_process and lot.start <= other.end and other.start <= lot.end:
                raise Refused(
                    "lot-period-overlap",
                    found=f"{lot.start}/{lot.end}, while {other.start}/{other.end} is signed for {lot.process}",
                    expected="periods of a process that do not overlap, or the same period as a correction",
                    remedy="Verify the days that are not covered yet, or correct the statement that covers them.",
                    where=lot.process,
                )
