"""One file a stage: read params and inputs, call the library, write outputs, record."""
