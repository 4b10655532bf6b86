"""The present: the last report of each server, in this process and, when configured, in Redis."""
