"""Fraud: suspicious patterns in engagement, the alerts they raise, and holds of money."""
