"""A simulator of policies for the proofs that never end; `python -m tests.bench.scheduling` prints the table."""
