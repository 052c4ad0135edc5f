"""What is learned from labels: thresholds, certificates, alarms, students. Labels and counts come in; better rules leave.

Everything here is a pure function or a small state machine that is told what happened. Nothing here reads a clock,
a ledger or chance, asks a model, or decides about a single answer; each bound names its theorem, what it assumes and
what it does not promise.
"""
