"""What is known of the words of a language.

Entries are matched in any case if they are in small letters, else as they are (`Gen`, which would
otherwise hide the verb). Single letters (`J. Smith`, `z. B.`) and letters with stops between them
(`U.S.`, `i.e.`) need no entry.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Words:
    """The words of one language that decide what a full stop means.

    Attributes:
        leading: Abbreviations that something always follows, such as titles: never the end of a
            sentence.
        numbered: Abbreviations before a number (`fig. 3`): no end before one, else any word.
        inner: Abbreviations that mostly stand inside of a sentence: an end before a `starter` only.
        closing: Abbreviations that often end one (`etc.`): an end before anything but a small
            letter or a digit.
        tails: Words with a capital that a closing abbreviation goes on with (`5 p.m. Monday`), in
            small letters.
        starters: Frequent first words of sentences that begin no name, in small letters.
        ordinals: Whether a number with a stop is an ordinal number (`3. Oktober`).
        complete: Whether other abbreviations are so rare that a stop behind any other word ends a
            sentence, be there a small letter behind it.
    """

    leading: str = ""
    numbered: str = ""
    inner: str = ""
    closing: str = ""
    tails: str = ""
    starters: str = ""
    ordinals: bool = False
    complete: bool = False
