"""What the oracle remembers: Postgres with pgvector, and the blobs of the media itself."""
