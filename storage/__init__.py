"""Persistence: Postgres with pgvector, and the blobs of media."""
