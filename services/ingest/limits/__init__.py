"""How much a tenant may ask for, and what it has used."""
