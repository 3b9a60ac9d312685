"""Chats to prompts, by the template in a model's files.

template   the template of a model, and what it makes of messages
sandbox    Jinja with a budget: what a template may do, and how much of it
values     plain data, and the sizes of values
filters    the filters of templates
"""
