"""Looks at images in running containers: observations and probe reports, without judgement."""
