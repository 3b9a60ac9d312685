"""Fast inference of encoder-decoder Transformers on CPUs."""
