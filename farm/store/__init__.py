"""The only code that knows Redis keys. Lua in `lua/`, the key schema in words at the top of `lua/common.lua`."""
