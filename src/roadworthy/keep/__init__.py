"""The ledger: everything that costs money or decides something is a row, and what belongs together changes together.

Verdicts, attempts, replies, rulings and money come in; rows leave. It never calls a model, never reads the
clock on its own account and never decides what an answer is worth.
"""
