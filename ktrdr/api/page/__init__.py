"""The page at `/`: what a person looks at. Plain files, served as they are."""
