"""What documents say of /v1: made of the routes' own declarations, models and views."""
