"""Between a text and the sentences that a model translates."""
