"""What jobs cost: exact amounts, the ledger of days, and what is held of a day's budget. Pure."""
