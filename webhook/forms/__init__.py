"""What a form in a browser shows and says: fields of a model's parameters, and values of texts."""
