"""Reading and writing: a reader for each format, none of which trusts what it reads."""
