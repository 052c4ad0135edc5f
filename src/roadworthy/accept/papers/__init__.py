"""Documents enter here: a file of a known kind becomes a `Document`, within limits, or is refused with a reason.

What is parsed is parsed in a child process with a limit on memory and on processor time. Nothing is fetched, nothing in
a document is run, no entity is expanded, and what is attached or embedded is named and not opened.
"""
