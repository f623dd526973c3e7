"""Files for every mobile runtime, and proof that they equal the trained net."""
