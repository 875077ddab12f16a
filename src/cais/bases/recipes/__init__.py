"""One recipe a module: frozen values, and the functions that make families of them."""
