"""Images of datasets, predictions and training curves."""
