"""When and where the stages run: order, never work."""
