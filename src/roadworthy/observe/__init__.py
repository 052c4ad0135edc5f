"""Understanding: rows of the ledger come in; summaries, reports and one record's story leave.

Nothing here changes a row or decides anything; what it prints is what the ledger says.
"""
