"""Self-contained HTML pages from the templates beside this file."""

from importlib.resources import files
from typing import Any

TEMPLATES = ("base.html", "parts.html", "page.css")
"""What every page is made of; a page's own template is named where it is filled."""


def fill(template: str, **facts: Any) -> str:
    """A page.

    Args:
        template: Name of its template.
        facts: What the template names, all of it; text is escaped.

    Raises:
        jinja2.UndefinedError: The template names something else.
    """
    from jinja2 import DictLoader, Environment, StrictUndefined

    here = files("pocketdet.report")
    texts = {name: here.joinpath(name).read_text("utf-8") for name in (*TEMPLATES, template)}
    environment = Environment(
        loader=DictLoader(texts), undefined=StrictUndefined, autoescape=True, trim_blocks=True
    )
    return environment.get_template(template).render(facts)
