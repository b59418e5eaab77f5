"""Paint and emit; know nothing of the engine."""
