"""The built-in data set: street scenes of people and bicycles, drawn by the project itself.

Scenes are composed in metres before a pinhole camera (`scene`, `camera`), painted far to near over
a street, park or yard (`backdrops`, `painting`), developed like photos (`photo`), and annotated
from the masks of what remains visible (`truth`). Around the people stand things that are easily
taken for them (`lookalikes`, `posters`, `props`, `plants`), in the same colours (`palette`).
"""

from pocketdet.sample.generate import Picture, Rendering, convention, count_of, generate, render

__all__ = ["Picture", "Rendering", "convention", "count_of", "generate", "render"]
