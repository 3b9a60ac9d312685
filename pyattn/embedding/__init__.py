"""From the states of tokens to the vector of a text.

modules    the folders of sentence-transformers: what stands behind the encoder
pooling    the arithmetic
"""
