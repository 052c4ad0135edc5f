"""The model: a question comes in, a reply leaves, and each attempt in between is reserved, sent once and settled.

It holds the providers' wire formats, the table of endings, and the policies (retry, pace, breaker) as state
machines that one driver performs. It never judges an answer and never writes a row itself.
"""
