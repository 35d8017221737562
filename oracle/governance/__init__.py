"""What officers of the contracts do: proposals, their dry run, transactions to sign."""
