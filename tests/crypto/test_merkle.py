"""The tree of RFC 6962: published roots, and the laws of its proofs for all small sizes."""

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto import merkle
from carbonport.errors import FailedVerification, Malformed, Misuse

# The eight leaves of Certificate Transparency's reference tests, and their published roots for 1..8 leaves.
CT_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SMALL = 40


def _leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(b"entry %d" % each) for each in range(count)]


def _stored(leaves: list[bytes]) -> dict[tuple[int, int], bytes]:
    frontier = merkle.Frontier()
    return {(level, index): digest for level, index, digest in frontier.extend(leaves)}


def _reader(nodes: dict[tuple[int, int], bytes]) -> Callable[[int, int], bytes]:
    return lambda level, index: nodes[level, index]


def _root_by_definition(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 writes it, recursively."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(
        b"\x01" + _root_by_definition(leaves[:split]) + _root_by_definition(leaves[split:])
    ).digest()


def test_published_roots() -> None:
    assert merkle.EMPTY_ROOT.hex().startswith("e3b0c442")
    assert merkle.EMPTY_ROOT.hex().endswith("b855")
    assert merkle.tree_root([]) == merkle.EMPTY_ROOT
    hashes = [merkle.leaf_hash(leaf) for leaf in CT_LEAVES]
    for size, root in enumerate(CT_ROOTS, start=1):
        assert merkle.tree_root(hashes[:size]).hex() == root


def test_published_paths() -> None:
    # Audit paths of the same reference tests.
    hashes = [merkle.leaf_hash(leaf) for leaf in CT_LEAVES]
    nodes = _stored(hashes)
    first = [each.hex() for each in merkle.inclusion_proof(0, 8, _reader(nodes))]
    assert first == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    sixth_to_eighth = [each.hex() for each in merkle.consistency_proof(6, 8, _reader(nodes))]
    assert sixth_to_eighth == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_the_edge_agrees_with_the_definition_at_every_size() -> None:
    leaves = _leaves(SMALL)
    nodes = _stored(leaves)
    frontier = merkle.Frontier()
    for size in range(SMALL + 1):
        assert frontier.size == size
        assert frontier.root() == _root_by_definition(leaves[:size])
        assert merkle.Frontier.from_hashes(size, frontier.hashes).root() == frontier.root()
        assert merkle.Frontier.read(size, _reader(nodes)).hashes == frontier.hashes
        if size < SMALL:
            before = frontier.copy()
            frontier.append(leaves[size])
            assert before.size == size


def test_every_small_inclusion_proof_verifies_and_no_changed_one_does() -> None:
    leaves = _leaves(SMALL)
    nodes = _stored(leaves)
    for size in range(1, SMALL + 1):
        root = _root_by_definition(leaves[:size])
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, _reader(nodes))
            merkle.verify_inclusion(leaves[index], index, size, proof, root)
            for changed in _changes(proof):
                with pytest.raises(FailedVerification):
                    merkle.verify_inclusion(leaves[index], index, size, changed, root)
            with pytest.raises(FailedVerification):
                merkle.verify_inclusion(merkle.leaf_hash(b"other"), index, size, proof, root)
            with pytest.raises(FailedVerification):
                merkle.verify_inclusion(leaves[index], index, size, proof, merkle.leaf_hash(b"root"))
            if size > 1:
                with pytest.raises(FailedVerification):
                    merkle.verify_inclusion(leaves[index], (index + 1) % size, size, proof, root)


def test_every_small_consistency_proof_verifies_and_no_changed_one_does() -> None:
    leaves = _leaves(SMALL)
    nodes = _stored(leaves)
    roots = [_root_by_definition(leaves[:size]) for size in range(SMALL + 1)]
    for new in range(1, SMALL + 1):
        for old in range(1, new + 1):
            proof = merkle.consistency_proof(old, new, _reader(nodes))
            merkle.verify_consistency(old, roots[old], new, roots[new], proof)
            for changed in _changes(proof):
                with pytest.raises(FailedVerification):
                    merkle.verify_consistency(old, roots[old], new, roots[new], changed)
            with pytest.raises(FailedVerification):
                merkle.verify_consistency(old, roots[0], new, roots[new], proof)
            with pytest.raises(FailedVerification):
                merkle.verify_consistency(old, roots[old], new, roots[0], proof)


def _changes(proof: list[bytes]) -> list[list[bytes]]:
    """Every one-step change: a flipped bit in each hash, one hash more at either end, one less."""
    flipped = [
        [*proof[:at], bytes([proof[at][0] ^ 1]) + proof[at][1:], *proof[at + 1 :]] for at in range(len(proof))
    ]
    longer = [[*proof, merkle.EMPTY_ROOT], [merkle.EMPTY_ROOT, *proof]]
    shorter = [proof[:-1], proof[1:]] if proof else []
    return flipped + longer + shorter


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2**40), st.data())
def test_proofs_of_large_trees_read_only_full_subtrees_of_that_tree(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    reads = [node for fold in merkle.inclusion_path(index, size) for node in fold]
    reads += [node for fold in merkle.consistency_path(old, size) for node in fold]
    assert len(merkle.inclusion_path(index, size)) <= size.bit_length()
    assert all((at + 1) << level <= size for level, at in reads)


def test_sizes_and_hashes_without_a_valid_form_are_refused() -> None:
    root = merkle.EMPTY_ROOT
    with pytest.raises(Malformed, match="tree-hash-length"):
        merkle.verify_inclusion(b"", 0, 1, [], root)
    with pytest.raises(Malformed, match="tree-hash-length"):
        merkle.Frontier().append(b"")
    with pytest.raises(Malformed, match="tree-size-range"):
        merkle.verify_inclusion(root, 0, 2**60, [], root)
    with pytest.raises(Malformed, match="tree-proof-length"):
        merkle.verify_inclusion(root, 0, 2, [root] * 65, root)
    with pytest.raises(Malformed, match="tree-frontier-shape"):
        merkle.Frontier.from_hashes(3, [root])
    with pytest.raises(FailedVerification, match="tree-inclusion"):
        merkle.verify_inclusion(root, 0, 0, [], root)
    with pytest.raises(FailedVerification, match="tree-consistency"):
        merkle.verify_consistency(0, root, 1, root, [])
    with pytest.raises(FailedVerification, match="tree-consistency"):
        merkle.verify_consistency(2, root, 1, root, [])
    with pytest.raises(Misuse, match="tree-index-outside-tree"):
        merkle.inclusion_path(3, 3)
    with pytest.raises(Misuse, match="tree-sizes-out-of-order"):
        merkle.consistency_path(0, 3)
