"""The score of a bundle as it arrives, where the importer's home has a model. Never in the way of the exchange.

Whatever goes wrong here is told beside the received bundle and changes nothing about it: a model that is missing is no
score, one that cannot be used is the id of why.
"""

from carbonport.attestation.checks import verified_attestation
from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError
from carbonport.node.participant import Participant

MODEL_NAME = "plausibility.model"
"""The model of a home folder: used without being named, and scores what arrives."""


def received_plausibility(participant: Participant, bundle: bytes) -> Json:
    """What the home's model says of a bundle; None without a model, `{"error": id}` when there is no score."""
    path = participant.home / MODEL_NAME
    if not path.is_file():
        return None
    try:
        # Only here: an importer without a model needs neither numpy nor its load time.
        from carbonport.node.plausibility.claim_assessment import assessment, attested_claim
        from carbonport.node.plausibility.model_files import read_listed_model
    except ImportError:
        return {"error": "extra-missing"}
    now = participant.clock()
    try:
        model = read_listed_model(path, participant.trust, own=participant.id, now=now)
        attestation = verified_attestation(
            bundle, now=now, anchors=participant.opened.trust.anchors(), importer=participant.id
        )
        return assessment(attested_claim(attestation.items), model)
    except CarbonportError as problem:
        return {"error": problem.id}
