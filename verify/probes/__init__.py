"""Programs that run inside an image, standard library only: they report facts and judge nothing."""
