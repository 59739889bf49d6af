"""What the layers of an image hold: read from bytes, never by asking the image."""
