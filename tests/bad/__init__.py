"""The bad-input table: files made by code, each with the error it must give."""
