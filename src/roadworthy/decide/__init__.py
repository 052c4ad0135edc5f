"""Do we trust it? Checked answers and a step's rule come in; a verdict with its grounds leaves.

Nothing here asks a model, a person or the ledger; what the verdict leads to is done by the spine.
"""
