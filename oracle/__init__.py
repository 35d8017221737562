"""The originality oracle: the service that decides, explains and delivers."""
