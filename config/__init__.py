"""Settings, the catalogue as data, and server configuration. Knows nothing of the rest."""
