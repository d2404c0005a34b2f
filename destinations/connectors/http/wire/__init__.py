"""What is under the HTTP client: the address really connected to, heads of answers, content codings."""
