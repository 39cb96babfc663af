"""Files of other programs: their names for our layers, their layouts, and how both are read and written."""
