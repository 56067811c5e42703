"""Zero-knowledge proofs about committed integers: linear relations and ranges.

    duplex_sponge, field_codec      the Fiat-Shamir transform of the IRTF drafts
    linear_relation                 a statement: equations between group elements with secret scalars
    relation_proofs                 its proof, compact or batchable
    range_layout, range_transcript  how values lie in a range proof, and what it is bound to
    range_prover, range_verifier    aggregated Bulletproofs over any group and transcript
    ranges                          the same over the product's group: what other rooms call
    hedged_nonces                   the randomness of both kinds of prover

What a proof says: whoever made it knows openings of these commitments that satisfy this relation, or lie in these
ranges. It says nothing about the truth of what was committed.
"""
