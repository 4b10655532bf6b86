"""How single values are written; a shape stands in a model as `Annotated[int, PORT]`."""
