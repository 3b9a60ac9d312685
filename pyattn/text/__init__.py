"""Between a str and ids: sentences and pieces, what is odd about a text, and how it comes back."""
