"""A federated training between nodes: signed documents, durable steps, and a log entry for every exchange.

plan, plan_file       what is trained, among whom, under which limits; and as a person writes it
permission            what a member's node asks before it gives anything: the seam to its owner's consent
joining, membership   who accepted, and exactly whose rows are in it, once and for all
votes                 holders endorse one membership a plan, and open their values for the buckets
contribution, answers what members and holders sign in an exchange
ending                a training that ends without a model
exchange_record       what the logs of all parties say of an exchange
parcel                documents and byte strings as one letter
session               what member and holder know alike: plan, membership, and the course of the training so far
member_desk, holder_desk, coordinator   the three roles
"""
