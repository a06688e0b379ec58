"""The farm's tools for agents, over the Model Context Protocol; needs `leanfarm[mcp]`."""
