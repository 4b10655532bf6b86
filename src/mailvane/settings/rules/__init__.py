"""What must hold between keys, and between the configuration and what it refers to."""
