"""The client of Motif: verify its webhooks (``motif.webhooks``); the command line is ``motif``."""
