"""The page at `/`, for people: plain files, served unchanged."""
