"""The pictures of each page that docs/ and the README show, taken by one command from a site of their own."""
