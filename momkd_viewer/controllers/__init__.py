"""Wire state, jobs and widgets."""
