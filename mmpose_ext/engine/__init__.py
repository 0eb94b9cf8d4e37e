"""What plugs into the training loop."""
