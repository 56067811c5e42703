"""Proofs off the path of requests: a process that makes them, and the node's way to it.

tasks             what the process can be asked to do, by name
worker_process    the process itself
proving_worker    starts it when it is needed, queues, and starts it again when it died
worker_ranges     range proofs of lots, made in the process
result_evidence   which evidence an attestation gets: by proof, or opened where no proof can be made
"""
