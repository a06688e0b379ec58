"""The `strict` gate, which refuses texts that an untrusted user may not send to Lean; its rules are data."""
