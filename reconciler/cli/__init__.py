"""The command line: one module per command. The only place that prints or exits.

Importing it must stay cheap (`--help`): what a command needs, it imports when it runs.
"""
