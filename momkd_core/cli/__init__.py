"""The ``momkd`` command: one module a verb, no logic of their own."""
