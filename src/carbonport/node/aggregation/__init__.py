"""Aggregation sessions: exporters, a coordinator and key holders come to a sum that anyone can check.

    signed_document            one form for every message: canonical, signed, strictly read, named by its hash
    plan, plan_opening, consent     what is asked, how it is looked at, and who agrees to it
    holder_keys                     keys for one plan
    contribution                    a contributor's signed head with the leaves it rests on
    roster, examination, totals     who takes part in an attempt, what is checked of it, and sums of ciphertexts
    ballots, closing, answers       votes, when an attempt is over for good, and what holders say
    verdict, ending                 a releaser's word, and why a session gave no result
    findings                        whose single shares were false, and which holders may look
    result_statement, result_file   what is published
    result_check, statistics        its offline check, and what follows from it
    parties, trust_lookups          who may play which part
    contribute_once, given_proof    the contributor's own register, and what brings it back after a restore
    contributor, holder, coordinator    the three roles as state machines, without network or store
    local/                          a whole session on one machine

The mathematics is `carbonport.crypto.sums`; which sums may be released is
`carbonport.classification.disclosure_control`.
"""
