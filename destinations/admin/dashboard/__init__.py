"""Home: is it working, what needs somebody, what to do first."""
