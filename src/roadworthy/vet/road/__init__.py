"""The road test of a team's own app: stages that try to break it, and a report that says go or no-go.

An app and its input come in; a report with a line of evidence per promise leaves. The app runs in child processes
against the simulated provider, on ledgers that are thrown away. It never calls a real provider unless it is told to, never
writes to the team's ledger, and never says "pass" for what could not be tested.
"""
