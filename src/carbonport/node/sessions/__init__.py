"""What sessions between nodes have in common, be it a sum or a training.

signed_document   the one form of their messages
parties           who takes part, by the trust lists
plan_dates        when a plan was issued, and whether that was before a restore
records           what was said in a session; the first word stands
session_log       a record and its log entry in one transaction
holder_secret     a key holder's secrets, on disk for the life of a plan
"""
