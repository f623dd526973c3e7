"""From photos to training batches."""
