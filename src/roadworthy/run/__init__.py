"""The spine: one record through the stages, over and over, resumable at any instant.

Apps, records and rows come in; outcomes leave. It joins the other rooms and decides nothing of its own:
what is valid is check's, what is trusted is decide's, what is true is the ledger's.
"""
