"""What AI agents may ask of runhook, as tools of the Model Context Protocol."""
