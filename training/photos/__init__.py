"""Photos with everybody in them: labelled by what is known and found, and read again."""
