"""Makes the images: contract, engine, build."""
