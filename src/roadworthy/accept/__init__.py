"""Data enters here: bytes of a file, a stream or a caller's value become records, each cleaned and with a stable key.

What leaves is a `Record` that every database can store, or an `Unusable` that says what is wrong with it and what to do.
This room never asks a model, never touches the ledger, never drops a unit of input without a word, and never repairs
without recording what it changed.
"""
