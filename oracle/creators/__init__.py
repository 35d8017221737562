"""What posts reach and earn: engagement, grades, the ledger, and the statements about them."""
