"""What Sphinx needs to build the site."""
