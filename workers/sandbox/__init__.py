"""The sandbox of a REPL: files, system calls, limits, identity.

Every start of a REPL runs this code, so it uses only the standard library.
"""
