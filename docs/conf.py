"""How the site is built: `bash .ci/site`, or `sphinx-build docs OUT` with the extra `docs`."""

import importlib.metadata
import pathlib
import sys

DOCS = pathlib.Path(__file__).parent
# `python -m` puts the current folder first; in the checkout's root the sources are not compiled.
sys.path[:] = [entry for entry in sys.path if pathlib.Path(entry or ".").resolve() != DOCS.parent]
sys.path.insert(0, str(DOCS))

project = "pyattn"
author = "The pyattn authors"
copyright = "The pyattn authors, Apache License 2.0"
version = release = importlib.metadata.version("pyattn")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "tools.gathered",
    "tools.drawing",
    "tools.docstrings",
]
exclude_patterns = ["out", "deploy/*.yaml", "deploy/Dockerfile*"]

# Headings are linked to by the names that repositories give them.
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath", "deflist"]
highlight_language = "none"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
autodoc_inherit_docstrings = True
# Names that the package gives to types stand in signatures as they are.
autodoc_type_aliases = {
    name: name for name in ("Bools", "Floats", "Ids", "Ints", "Options", "GlobalTokens", "Path")
}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False
default_role = "code"

# A name that has several homes, as `Model` has, is no link.
suppress_warnings = ["ref.python"]
nitpicky = True
# Types in signatures are of other packages, or names that modules give to types.
nitpick_ignore_regex = [("py:(class|obj|exc|data|attr|func|meth)", r".*")]

html_theme = "furo"
html_title = f"pyattn {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#8a3b12", "color-brand-content": "#9a4416"},
    "dark_css_variables": {"color-brand-primary": "#f0a878", "color-brand-content": "#f0a878"},
}
