"""Networks that others trained: which there are, how they come here, their file formats."""
