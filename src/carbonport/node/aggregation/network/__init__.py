"""Sessions between nodes: the roles' pure steps, driven over the wire with durable records and log entries.

plan_file            the coordinator's plan as a person writes it
coordinator_session  a session at its coordinator, and where it stands
coordinator_inbox    what contributors and holders bring to it
coordinator_documents    what the coordinator signs in it
coordinator_steps    how the coordinator takes it further
listed_sessions      which sessions a coordinator tells parties that poll
statement_standing   whether the statements behind contributions still hold
coordinator_client   how the others reach it
contributor_steps, holder_steps, releaser_steps    how they take it further
contributor_session, contribution_making, contributor_ending    a contributor in a session: what it gives, how it ends
forgetting           what a node forgets of its sessions, and when
told_ending          why a session gave no result, told to everyone in its plan
register_rows, register_rebuild    the contributor's register in the store, and its rebuilding after a restore
commands             the operations behind `carbonport aggregate`
"""
