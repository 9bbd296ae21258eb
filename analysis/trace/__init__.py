"""The trace file: reader, writer, schema, check."""
