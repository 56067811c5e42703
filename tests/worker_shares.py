"""How a parallel run shares out the files of tests: the longest first, and those about the performed demo together.

Left to itself, `--dist loadfile` begins with the files of the most tests. The longest of ours have few, and one worker
would still be at them long after the other has nothing left. The demo is performed once by each worker that has a test
about it: one worker gets them all.
"""

import functools
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

TESTS = Path(__file__).resolve().parent

PERFORMED_DEMO = "the performed demo"
"""The share of the tests that look at it."""

LONGEST = (
    "node/test_federation_processes.py",
    "node/test_aggregation_network.py",
    "node/test_aggregation_releaser_network.py",
    "node/test_demo_interrupt.py",
    "node/test_life_backup.py",
    "node/test_training_commands.py",
    "node/test_bench_command.py",
    "attestation/test_proof_bundles.py",
    "classification/test_policy_grid.py",
    "node/test_bench_footprint.py",
    "node/test_aggregation_releaser.py",
    "node/test_log_recovery.py",
    "attestation/test_proving_second_verifier.py",
    "footprint/test_workbook_broken.py",
    "node/test_aggregate_local.py",
    "node/test_training_restarts.py",
    "node/test_threshold_claims.py",
    "attestation/test_proving_results.py",
    "node/test_demo_postgresql.py",
    "node/test_bench_aggregate.py",
    "footprint/test_workbook_template.py",
    "node/test_life_rotation.py",
    "house/test_wheel.py",
)
"""Files of several seconds each, begun in this order after the demo's; the others follow by their names."""


@functools.cache
def share(file: str) -> str:
    """The share of a file, named as in a test's id: its own, or that of the performed demo."""
    return PERFORMED_DEMO if "from played_demo import" in (TESTS.parent / file).read_text() else file


def rank(item: pytest.Item) -> int:
    """Where a test stands in the order of shares."""
    file = item.nodeid.partition("::")[0]
    if share(file) == PERFORMED_DEMO:
        return -1
    name = file.removeprefix("tests/")
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


class LongestFirst(LoadFileScheduling):  # type: ignore[misc]
    """Gives out whole shares in the order in which the workers have collected them."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return share(super()._split_scope(nodeid))


def put_in_order(items: "list[pytest.Item]") -> None:
    """Sort the tests of a worker; within a file they keep their order."""
    items.sort(key=rank)
