"""Makes the images: contract, engine, base image, build, and what goes to a registry."""
