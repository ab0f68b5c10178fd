VERSION = "1.0.0"  # of the program; here, because every room may ask it
