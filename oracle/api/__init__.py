"""HTTP only: routes, request and response models, and the one error-to-status table."""
