"""What a REPL may do: files, system calls, limits, identity. On the path of every REPL start: standard library only."""
