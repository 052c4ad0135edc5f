"""The doors: HTTP, and any OpenAI client.

A request comes in; the outcome of a record leaves, or the address where it will be. It never answers with what is
not accepted, never keeps anything outside the ledger, and lets nobody in who does not belong.
"""
