"""What containers of an image show: observations and probe reports, without judgement."""
