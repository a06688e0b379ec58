"""What the farm keeps in Redis. `keys.md` describes each key; the scripts are in `lua/`."""
