"""Sessions between nodes: the roles' pure steps, driven over the wire with durable records and log entries.

records              what was said in a session; the first word stands
session_log          a record and its log entry in one transaction
plan_file            the coordinator's plan as a person writes it
coordinator_inbox    what contributors and holders bring to a coordinator
coordinator_steps    how a coordinator takes a session further
statement_standing   whether the statements behind contributions still hold
coordinator_client   how the others reach it
contributor_steps, holder_steps, releaser_steps    how they take it further
holder_secret        a holder's secret context, on disk for the life of a plan
commands             the operations behind `carbonport aggregate`
"""
