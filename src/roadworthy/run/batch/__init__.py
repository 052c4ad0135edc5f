"""A run whose calls go through a provider's batches.

A record that needs a call queues it and waits; the office sends what is queued, looks after what is under way and
imports what came back; then the records go on, and what they still need goes into the next batch. Everything that must
not be lost is in the ledger, so the process may end at any moment.
"""
