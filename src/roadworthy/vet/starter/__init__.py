"""The command `new`: a small project to start from, or an app around a function that exists.

A folder's name comes in, perhaps with a function; files that run at once leave. It never overwrites a file.
"""
