"""Finding profiles by id, name or e-mail address, and the job that indexes all of them anew."""
