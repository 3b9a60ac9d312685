"""A guard against what neural models do on odd input.

checks     faults of a translation that can be seen without a reference
letters    the letters of languages
ladder     the searches that follow a faulty translation
stress     odd lines to try translators with
"""
