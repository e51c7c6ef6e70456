"""Where in a picture the body is, under whatever the person wears."""
