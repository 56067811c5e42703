"""No tonne of a lot twice: each lot is a small witnessed log of its own.

    lot_identity        which production a lot is, and the origin of its log
    lot_terms           what a verification statement says of a lot, and what a check takes from a statement
    stated_lots         the lots of a statement, as the bench draws them up and as a verified statement has them
    consignment_key     the importer's key for one consignment, its recipient tag, and give-backs
    lot_leaves          the entries of a lot's log, byte for byte
    lot_history         the rules that entries keep together: order, versions, what is sold at each of them
    range_contexts      what the two range proofs of a sale are bound to
    activity_level      the signed commitment to the production, shown and scaled
    seller              sales, give-backs and corrections as pure functions over an explicit state
    restored_lot        a seller's state from published entries, after a restore
    lot_memory          what an importer gives a seller that lost it, as a file
    lot_presentation    what an importer is shown, as canonical JSON
    lot_witnessing      the witnesses a statement names: their quorum, and what makes a witness accept a lot
    consignment_check   the importer's check
    later_checkpoint    provisional sales confirmed, forks found, cancelled and superseded ones told
    lot_audit           what a regulator checks of a whole lot
    lot_periods         which periods a verifier refuses to sign

A lot says that the consignments sold through it add up to no more than its verified production. Tonnes that leave
without an entry, and a production verified twice under two names, are for audit.
"""
