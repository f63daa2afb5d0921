// Placeholder until the module's first operation.
