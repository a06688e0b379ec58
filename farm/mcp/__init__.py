"""The farm's tools for agents, over the Model Context Protocol. They need the extra `leanfarm[mcp]`."""
