"""Who has to do with a log: its signer, the readers of its bodies, its witnesses and the rule they make a quorum by.

All of it changes while a log is open (a key is rotated, a trust list issued); `ExchangeLog.follow` takes the new one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbonport.crypto.notes import NoteSigner, VerifierKey
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.node.log.add_checkpoint import Cosigner


@dataclass(frozen=True, slots=True)
class LogParties:
    """`signer` is the log's Ed25519 key named like the origin; `retired_keys` what earlier notes were signed with;
    `readers` the regulators' raw X25519 keys by key id; `policy` the own jurisdiction's rule, `sought` those that
    readers in other jurisdictions hold the log to."""

    signer: NoteSigner
    readers: Mapping[str, bytes]
    policy: WitnessPolicy
    sought: Sequence[WitnessPolicy] = ()
    cosigners: Sequence[Cosigner] = ()
    retired_keys: Sequence[VerifierKey] = ()

    @property
    def keys(self) -> list[VerifierKey]:
        """Every key of the log, newest first."""
        return [self.signer.verifier, *self.retired_keys]
