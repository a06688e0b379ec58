"""The scripted REPL: a self-written program that speaks the Lean REPL's JSON protocol. It is a script, not Lean.

It stands behind the real LeanInteract client in tests where Lean cannot be had. `scripted` is the program,
`install` writes a folder that LeanInteract accepts, `transcripts` turns recorded sessions into replays.
"""
