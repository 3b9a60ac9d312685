"""The command line.

main                                     the command `pyattn`, and the list of its commands
translate, detect, inspect, convert,     the commands: a file for each, with its arguments
bench, download, models, remove,
completion
parser, usage                            errors of usage, with the remedy
arguments, assignments, fitting          arguments that several commands have; values of options
channels, progress                       input, output and a progress bar
line_translation, file_translation,      their work, as functions
inspection, conversion, benchmark
benchmark_work, benchmark_worker         what the benchmark computes, and the processes that do
"""
