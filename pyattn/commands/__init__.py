"""The command line.

main                                     the command `pyattn`, and the list of its commands
translate, inspect, convert, bench,      the commands: a file for each, with its arguments
download, models, remove
arguments, channels                      what they share: arguments; input and output
inspection, conversion, benchmark        their work, as functions
"""
