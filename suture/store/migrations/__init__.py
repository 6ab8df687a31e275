"""The schema, one object per numbered file, in the order of the flow."""
