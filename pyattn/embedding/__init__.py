"""From the states of tokens to the vector of a text, or to its scores.

modules    the folders of sentence-transformers: what stands behind the encoder
pooling    the arithmetic of vectors
heads      the arithmetic of scores
"""
