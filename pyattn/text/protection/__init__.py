"""Parts of texts that come back exactly as they were: addresses, placeholders, code, tags, emoji.

kinds      what is protected: the kinds and their patterns
choice     the argument `protect`, and the protected spans of a text
carriers   words and numbers that the model copies, which stand for protected parts
carried    a sentence in which carriers stand for protected parts, and the way back
placing    where a protected part goes that the model did not see

A protected part at the edge of a sentence is cut off and copied. For one inside, the model sees a
carrier. If the model loses or doubles it, other carriers follow. At last the part is left out, and
placed by the alignment beside the translation of its neighbour. So every translation has every
protected part exactly as often as its text.
"""
