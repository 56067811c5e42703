"""A federated training between nodes: signed documents, durable steps, and a log entry for every exchange.

plan, plan_file       what is trained, among whom, under which limits; and as a person writes it
permission            what a member's node asks before it gives anything: the seam to its owner's consent
owner_permission      the owner's say: rows from ledgers, the gate, a person, the register, the budget
ledger_rows           a member's rows from its own ledgers
training_gate, training_inbox, person_decides   the gate's decision, plans that wait, and what a person does about them
row_register, privacy_charges, budget_commands  what this node gave and spent, as its store keeps it
joining, membership   who accepted, and exactly whose rows are in it, once and for all
votes                 holders endorse one membership a plan, and open their values for the buckets
contribution, answers what members and holders sign in an exchange
ending                a training that ends without a model
exchange_record       what the logs of all parties say of an exchange
parcel                documents and byte strings as one letter
expired_secrets       keys and integers that must not outlive their plan
retelling             endings and models that not everybody has heard of
refusals              what a node refused, on its record
record_kinds          kinds of records that several steps know
session               what all know alike of one training: plan, membership, and its course so far
desk                  the door of a node: letters to member_desk or holder_desk, as the plan names it
coordinator           the coordinator's half: gathering, exchanges, and the model
correspondence        its letters, and who does not answer them
model_file            the model as a signed file, held against the released sums
"""
