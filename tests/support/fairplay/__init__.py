"""A simulated platform of honest creators, cheats and enemies, for the benchmark of fair play."""
