"""What an attacker would try: one table of values of each kind, tried wherever such a value is taken."""
