"""Secure sums: nobody learns an addend, everybody can check the total.

    threshold, polynomials              n holders, k of whom can read; Shamir's sharing over a prime field
    plan_hash                           what everything here is bound to
    fast_sum                            many values, HPKE-sealed shares, no commitments
    parameters, bfv_constants           the verifiable sum's bounds, derived and checked in one place
    attested                            commitments of a verifier's statement, as a sum uses them
    contributing, contribution          a contribution: made by its owner, read by everyone else
    contribution_proofs                 its proofs, made singly, checked in batches
    share_slots                         shares in the slots of a ciphertext
    bfv_worker, bfv_child, bfv          contexts and ciphertexts, in a bounded process of their own
    answers                             what holders answer, and the checks anyone can repeat
    share_search                        which contributor-and-holder pair spoils a sum

A verifiable sum runs so: holders `BfvWorker.generate` contexts; contributors `make_contribution`; the coordinator
checks size and hash (`check_ciphertext`) and adds ciphertexts up (`BfvWorker.add`); each holder runs `verify_heads`,
`roster_commitments`, decrypts the total, and runs `answer_of_slots` and `check_answer` before it votes; anyone runs
`combine_answers` or `check_result`. What the protocol around it demands (plans, consents, rosters, votes, contributing
once) is not here; see docs/aggregation.md. TenSEAL (extra `aggregation`) is needed by the worker process alone.
"""
