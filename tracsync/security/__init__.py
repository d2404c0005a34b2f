"""The keys of the installation and what is encrypted under them; what is weak in how it is set up."""
