"""`farm up`: the whole farm on this machine, supervised."""
