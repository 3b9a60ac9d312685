"""Glossaries: terms of a text, and what their translations have to be.

entries   terms, the words that they are found by, and how case is carried over
terms     `pyattn.Glossary`: the terms of a text
reading   glossaries in files: TSV, CSV and TBX
within    terms beside the protected parts and sentences of a text
using     where a term goes in the model's output
counting  how often terms are in a translation

The model sees the text as it is. Where its answer has the term already, nothing is changed; else
the words that are aligned with the term are replaced. If it is not clear which ones these are,
carriers stand for strict terms (see `pyattn.text.protection`); at last the best aligned word is
replaced.
"""
