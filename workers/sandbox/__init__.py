"""The sandbox of a REPL: files, system calls, limits, identity. Every REPL start runs it: standard library only."""
