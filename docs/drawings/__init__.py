"""The drawings and plots of the site, each a function that returns SVG."""
