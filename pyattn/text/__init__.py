"""Between a str and token ids: sentences, odd input, tokenizers, and joining translations."""
