"""Rows in tables of PostgreSQL, MariaDB and MySQL, one for each profile."""
