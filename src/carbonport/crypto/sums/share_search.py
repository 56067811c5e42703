"""Whose share is false: what a holder may find out after a sum failed its check.

A holder decrypts single shares, locally and at most k - 1 holders in one attempt, and says only which pair of
contributor and holder fails. The pair is what mathematics names: the contributor may have encrypted something else
than it committed to, or the holder may lie about it.
"""

from carbonport.crypto.sums.answers import RosterCommitments, answer_of_slots, check_answer
from carbonport.crypto.sums.bfv_constants import MIN_FRESH_NOISE_BUDGET_BITS
from carbonport.crypto.sums.bfv_worker import Decrypted
from carbonport.crypto.sums.contribution import ContributionHead
from carbonport.crypto.sums.parameters import SumParameters
from carbonport.crypto.sums.share_slots import are_limbs_of_one
from carbonport.errors import FailedVerification


def check_single_share(
    parameters: SumParameters, head: ContributionHead, holder: int, decrypted: Decrypted
) -> None:
    """Raise `FailedVerification` naming contributor and holder unless this contribution's share is right.

    `decrypted` is what the holder's key makes of the one ciphertext whose hash the head names. Right means: limbs of
    43 bits, the value that the commitments demand, and the noise of a fresh encryption. Each alone could be wrong
    without the others showing it, and spoil the sum. When all shares of a roster are right and the sum is not, the
    coordinator added something else.
    """
    found = ""
    if not are_limbs_of_one(decrypted.slots):
        found = "limbs that no share has"
    elif decrypted.noise_budget_bits < MIN_FRESH_NOISE_BUDGET_BITS:
        found = "a ciphertext with more noise than encrypting makes"
    else:
        try:
            answer = answer_of_slots(parameters, holder, decrypted.slots)
            check_answer(parameters, RosterCommitments(1, head.commitments), answer)
        except FailedVerification:
            found = "a share that its commitments contradict"
    if found:
        raise FailedVerification(
            "sum-share",
            found=found,
            expected="the share that the contributor committed to",
            remedy="Report this pair of contributor and holder; one of the two is at fault, and it does not say which.",
            where=f"{head.contributor}, holder {holder}",
        )
