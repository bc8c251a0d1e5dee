"""The pages that people look at: one module a page, its template beside it, no framework."""
