"""Who is calling: access tokens, and signatures over what is sent."""
