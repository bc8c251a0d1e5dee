"""RunningHub: their JSON (`wire`), their error codes (`codes`), calls (`client`), and a sandbox."""
