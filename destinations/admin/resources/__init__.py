"""The pages of resources and of the catalogue of extensions."""
