"""The providers' wire formats: a question becomes the bytes of a request, and what came back becomes an outcome.

Each file is one format and pure; none of them sends, waits, or reads the environment.
"""
