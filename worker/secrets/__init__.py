"""What is made of RUNHOOK_SECRET: signatures, sealed values, names of repeated requests. Pure."""
