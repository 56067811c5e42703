"""The *prove* reader of a calculation graph: a result follows from the inputs that the verifier signed.

    signed_graph        the canonical graph back from its JSON, by the digest that was signed
    linear_forms        integer combinations of committed integers
    rational_values     a node's value: scale * form / product of forms
    lowering            graph and results to products, inverses and ranges, from public data alone
    node_lowering       what each kind of node costs
    lowered_rounding    rounding half up as ranges
    obligations         collects what is to be shown, and holds every integer within its bound
    lowered_claim       what lowering gives: variables and obligations
    relation            products and inverses as one linear relation
    result_claim        which results of which good for whom: what the transcript absorbs
    proof_layout        the bytes of a proof
    prover, verifier    make and check it
    shown_leaves        the leaves of a statement that a proof is about, with one joint path to the root

A proof says: the stated results are the signed graph's results for the integers that the verifier committed to.
`docs/proofs.md` has the protocol and the argument; it also says what a proof does not show.
"""
