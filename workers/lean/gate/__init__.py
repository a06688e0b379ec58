"""The `strict` gate: what an untrusted text may not contain, its rules as data, and the trial that it passes first."""
