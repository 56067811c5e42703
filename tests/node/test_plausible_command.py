"""`carbonport federate train` and `carbonport plausible`: a signed model scores an attestation; whose is believed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from played_demo import STEELWORKS, played_demo
from typer.testing import CliRunner

from carbonport.attestation.checks import verified_attestation
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import b64url_decode, b64url_encode
from carbonport.crypto.jws import SigningKey
from carbonport.errors import CarbonportError, FailedVerification, Malformed
from carbonport.examples.plants.written import write_plants
from carbonport.federated.bucket_ridge import BucketRidge
from carbonport.federated.plausibility_model import sign_model, verify_model
from carbonport.federated.ridge import RidgeModel
from carbonport.node.cli import federate, plausible
from carbonport.node.home import open_home
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.participant import Participant
from carbonport.node.plausibility.claim_assessment import Claim, assessment, attested_claim
from carbonport.node.plausibility.model_files import read_listed_model, write_model
from carbonport.node.plausibility.received import MODEL_NAME, received_plausibility


def run(*arguments: str) -> dict[str, Any]:
    app = typer.Typer()
    federate.register(app)
    plausible.register(app)
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


class Stage:
    """The demo's homes, and a model that its importer trained on invented plants."""

    def __init__(self, folder: Path) -> None:
        self.homes = played_demo().copy_homes(folder / "homes")
        write_plants(folder / "plants", "stage", months=12, days=1)
        self.model = folder / "own.model"
        self.table = str(folder / "plants/plants.csv")
        words = ("--data", self.table, "--out", str(self.model), "--home", str(self.importer))
        self.trained = run("federate", "train", *words)

    @property
    def importer(self) -> Path:
        return self.homes["importer"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("plausible"))


def test_training_gives_a_card_with_scores_beside_the_default(stage: Stage) -> None:
    card = stage.trained["card"]
    assert (card["participants"], card["rows"]) == (40, 480)
    assert float(card["scores"]["recalculation_rmse"]) < float(card["scores"]["default_rmse"])
    assert float(card["scores"]["independent_auc_20"]) > 0.7
    assert any("proves nothing" in line for line in card["limits"])


def test_an_attestation_is_scored_with_interval_and_reasons(stage: Stage) -> None:
    answer = run(
        "plausible",
        str(played_demo().outcome.bundle),
        "--model",
        str(stage.model),
        "--home",
        str(stage.importer),
    )
    assert answer["route"] == "BF-BOF"
    (independent,) = answer["expectations"]
    assert float(independent["low"]) < float(independent["predicted"]) < float(independent["high"])
    assert any("usual for BF-BOF" in reason for reason in independent["reasons"])
    assert any("indirect emissions" in reason for reason in independent["reasons"])
    assert answer["worth_asking"] == (float(answer["flag"]) > 2)


def test_who_has_the_ledger_gets_the_recalculation_too(stage: Stage) -> None:
    answer = run(
        "plausible", str(played_demo().outcome.bundle), "--model", str(stage.model),
        "--home", str(stage.importer), "--ledger", str(STEELWORKS),
    )  # fmt: skip
    assert [one["model"] for one in answer["expectations"]] == ["recalculation", "independent"]


def test_a_model_in_the_home_folder_scores_what_arrives_and_blocks_nothing(stage: Stage) -> None:
    participant = Participant.open(open_home(stage.importer))
    bundle = played_demo().bundle
    try:
        assert received_plausibility(participant, bundle) is None
        kept = stage.importer / MODEL_NAME
        kept.write_bytes(stage.model.read_bytes())
        scored = received_plausibility(participant, bundle)
        assert isinstance(scored, dict)
        assert {"flag", "expectations", "worth_asking"} <= scored.keys()
        kept.write_text("no model")
        broken = received_plausibility(participant, bundle)
        assert isinstance(broken, dict)
        assert set(broken) == {"error"}
        kept.unlink()
    finally:
        participant.close()


def believed(stage: Stage, path: Path) -> None:
    home = open_home(stage.importer)
    read_listed_model(path, home.trust.store(), own=str(home.name), now=system_clock())


def test_an_exporters_model_is_not_believed_a_verifiers_is(stage: Stage, tmp_path: Path) -> None:
    own = open_home(stage.importer)
    model = read_listed_model(stage.model, own.trust.store(), own=str(own.name), now=system_clock())
    for part in ("exporter", "verifier"):
        home = open_home(stage.homes[part])
        key = SigningKey.from_pem(home.identity.signing_pem(KeyUse.SEAL))
        write_model(tmp_path / part, replace(model, issuer=str(home.name)), key)
    believed(stage, tmp_path / "verifier")
    with pytest.raises(FailedVerification) as caught:
        believed(stage, tmp_path / "exporter")
    assert caught.value.id == "model-not-believed"


def test_a_strangers_model_is_not_believed(stage: Stage, tmp_path: Path) -> None:
    home = open_home(stage.importer)
    model = read_listed_model(stage.model, home.trust.store(), own=str(home.name), now=system_clock())
    path = tmp_path / "stranger"
    path.write_text(sign_model(model, SigningKey.generate()))
    with pytest.raises(FailedVerification) as caught:
        believed(stage, path)
    assert caught.value.id == "model-not-believed"


def test_a_model_with_noise_is_written_read_and_scores(stage: Stage, tmp_path: Path) -> None:
    out = tmp_path / "noised.model"
    words = ("--data", stage.table, "--out", str(out), "--home", str(stage.importer))
    trained = run("federate", "train", *words, "--epsilon", "4", "--noise-tolerance", "10")
    assert {"independent_rmse", "independent_rmse_without_noise"} <= trained["card"]["scores"].keys()
    assert "epsilon 4" in trained["card"]["privacy"]
    answer = run(
        "plausible", str(played_demo().outcome.bundle), "--model", str(out), "--home", str(stage.importer)
    )
    (independent,) = answer["expectations"]
    assert float(independent["low"]) < float(independent["predicted"]) < float(independent["high"])
    with pytest.raises(CarbonportError) as caught:
        run("federate", "train", *words, "--noise-tolerance", "10")
    assert caught.value.id == "training-noise-options"
    # 8 of 8 a year are spent: one more is refused before any noise is drawn, and nothing is written.
    another = ("--data", stage.table, "--out", str(tmp_path / "another"), "--home", str(stage.importer))
    with pytest.raises(CarbonportError) as caught:
        run("federate", "train", *another, "--epsilon", "0.5")
    assert caught.value.id == "privacy-budget"
    assert not (tmp_path / "another").exists()
    budget = run("federate", "budget", "--home", str(stage.importer))
    (task,) = budget["tasks"]
    assert (task["task"], task["spent"], task["left"]) == ("plausibility-for-noise", "8", "0")
    assert len(task["trainings"]) == 1


def test_a_model_of_buckets_scores_like_the_median_of_its_ridges(stage: Stage, tmp_path: Path) -> None:
    """As a training between nodes with buckets issues it."""
    home = open_home(stage.importer)
    model = read_listed_model(stage.model, home.trust.store(), own=str(home.name), now=system_clock())
    assert isinstance(model.independent, RidgeModel)
    spoiled = replace(model.independent, weights=tuple(-3 * one for one in model.independent.weights))
    buckets = BucketRidge((spoiled, model.independent, model.independent))
    key = SigningKey.from_pem(home.identity.signing_pem(KeyUse.SEAL))
    write_model(tmp_path / "buckets", replace(model, independent=buckets), key)
    (one,), (other,) = (
        run(
            "plausible",
            str(played_demo().outcome.bundle),
            "--model",
            str(path),
            "--home",
            str(stage.importer),
        )["expectations"]
        for path in (stage.model, tmp_path / "buckets")
    )
    assert {name: other[name] for name in ("predicted", "low", "high", "score")} == {
        name: one[name] for name in ("predicted", "low", "high", "score")
    }
    assert len(other["reasons"]) == len(one["reasons"])


def test_every_changed_byte_of_a_model_is_noticed(stage: Stage, tmp_path: Path) -> None:
    data = stage.model.read_bytes()
    path = tmp_path / "changed"
    for place in range(0, len(data), max(1, len(data) // 60)):
        other = b"A" if data[place : place + 1] != b"A" else b"B"
        path.write_bytes(data[:place] + other + data[place + 1 :])
        with pytest.raises(CarbonportError):
            believed(stage, path)


def test_a_signed_model_of_another_form_is_malformed(stage: Stage) -> None:
    key = SigningKey.generate()
    home = open_home(stage.importer)
    model = read_listed_model(stage.model, home.trust.store(), own=str(home.name), now=system_clock())
    token = sign_model(model, key)
    assert verify_model(token, key.public_jwk) == model
    header, payload, _ = token.split(".")
    text = b64url_decode(payload).decode()
    for old, new in (
        ('"number":1', '"number":0'),
        ('"kind":"ridge"', '"kind":"forest"'),
        ("plausibility/v1", "plausibility/v2"),
        ('"weights":["', '"weights":["1","'),
        ('"offsets":[', '"offsets":[-1,'),
        ('"clinker"', '"ships"'),
        ('"rows":480', '"rows":4.5'),
    ):
        assert old in text
        changed = f"{header}.{b64url_encode(text.replace(old, new, 1).encode())}"
        signed = f"{changed}.{b64url_encode(key.sign(changed.encode()))}"
        with pytest.raises(Malformed):
            verify_model(signed, key.public_jwk)


def test_a_claim_far_too_low_is_worth_a_question(stage: Stage) -> None:
    home = open_home(stage.importer)
    model = read_listed_model(stage.model, home.trust.store(), own=str(home.name), now=system_clock())
    honest, low = (assessment(Claim("clinker", claimed, 0.035, None), model) for claimed in (0.84, 0.6))
    assert (honest["worth_asking"], low["worth_asking"]) == (False, True)
    nobody = assessment(Claim("clinker", 0.84, None, None), model)
    assert (nobody["flag"], nobody["worth_asking"], nobody["expectations"]) == (None, False, [])


def test_a_route_that_nobody_names_is_asked_for(stage: Stage) -> None:
    demo = played_demo()
    home = open_home(stage.importer)
    items = dict(verified_attestation(demo.bundle, now=system_clock(), anchors=home.trust.anchors()).items)
    items["route"] = ["Alchemy"]
    for route in ("", "Alchemy"):
        with pytest.raises(CarbonportError) as caught:
            attested_claim(items, route=route)
        assert caught.value.id == "plausible-route"
    assert attested_claim(items, route="eaf").route == "EAF"
    del items["see_indirect"]
    with pytest.raises(CarbonportError) as caught:
        attested_claim(items, route="EAF")
    assert caught.value.id == "plausible-claim"
