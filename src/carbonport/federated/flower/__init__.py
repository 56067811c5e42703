"""Flower carries letters: the apps, the grids and the processes of it. Nothing outside this room imports Flower."""
