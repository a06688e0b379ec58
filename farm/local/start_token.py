"""The token by which `farm up` tells its own API from another server at the same address.

Two farms that start at the same moment may choose the same port. Only one of them can bind it, but both would find a
server there that answers.
"""

VARIABLE = "LEANFARM_START_TOKEN"
"""The variable in which `farm up` gives its API the token."""
HEADER = "Farm-Start-Token"
"""The header in which `GET /livez` returns the token."""
