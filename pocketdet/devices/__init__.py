"""Device cards: what each phone grants, as YAML, and what reads them."""
