# SPDX-License-Identifier: Apache-2.0
"""Settings of the documentation site; `make docs` builds it."""

from importlib import import_module
from inspect import isclass
from pathlib import Path
from pkgutil import walk_packages

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx

import rankseg
from rankseg.version import __version__

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
INCLUDED = {
    ROOT / "CHANGELOG": "changelog",
    ROOT / "CONTRIBUTING": "contributing",
    ROOT / "configs/README": "configs_segmentation",
    ROOT / "configs/README_classes": "configs_classification",
    ROOT / "configs/README_embeddings": "configs_metric_learning",
    ROOT / "data/README": "data_sets",
}
"""Pages outside `docs/`, without their ending, and where the site includes them."""

project = "rankseg"
author = "The rankseg authors"
project_copyright = author
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
suppress_warnings = ["autosummary.import_cycle"]  # the list of packages is not a cycle

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4

default_role = "code"  # docstrings write names in single backticks
autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # else attributes of a dataclass are described twice

html_theme = "pydata_sphinx_theme"
html_title = f"rankseg {release}"
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False
copybutton_exclude = ".linenos, .gp, .go"


def exports() -> dict[str, dict[str, str]]:
    """Return the public names of each package, and the directive that documents each name."""
    found = {}
    for package in walk_packages(rankseg.__path__, "rankseg."):
        module = import_module(package.name)
        for name in getattr(module, "__all__", ()) if package.ispkg else ():
            thing = getattr(module, name)
            if isclass(thing):
                found.setdefault(package.name, {})[name] = "autoclass"
            elif callable(thing):
                found.setdefault(package.name, {})[name] = "autofunction"
    return found


if tags.has("pages_only"):  # noqa: F821 - Sphinx defines `tags`
    # The API pages import the whole package, which takes too long for a unit test.
    exclude_patterns += ["api", "api.md"]
    suppress_warnings += ["toc.excluded", "toc.not_readable"]
    autosummary_generate = False
else:
    autosummary_context = {"exports": exports()}


def follow_repository_links(app: Sphinx, doctree: nodes.document) -> None:
    """Make links to files outside `docs/` work on the site.

    A link to a page that the site includes leads to its copy on the site. A link to another file
    of the repository, such as a config, becomes plain text, since the site does not contain the
    file. A link to a file that does not exist stays, so Sphinx warns about it.
    """
    folder = Path(app.env.doc2path(app.env.docname)).parent
    for link in [*doctree.findall(pending_xref), *doctree.findall(download_reference)]:
        target = link["reftarget"].partition("#")[0]
        for source in (folder, ROOT / "configs", ROOT / "data", ROOT) if target else ():
            path = (source / target).resolve()
            if page := INCLUDED.get(path):
                link["reftarget"] = page
                break
            if path.exists() and DOCS not in path.parents:
                link.replace_self(nodes.inline("", "", *link.children))
                break


def skip_fields_without_text(
    app: Sphinx, what: str, name: str, item: object, skip: bool, options: object
) -> bool | None:
    """Leave out fields of a named tuple, which its docstring describes already."""
    return True if str(getattr(item, "__doc__", "")).startswith("Alias for field") else None


def setup(app: Sphinx) -> None:
    """Connect the functions of this file."""
    app.connect("autodoc-skip-member", skip_fields_without_text)
    app.connect("doctree-read", follow_repository_links)
